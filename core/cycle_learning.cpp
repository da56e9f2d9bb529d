#include <core/cycle_learning.hpp>

#include <algorithm>
#include <utility>
#include <vector>

namespace tierpager {
namespace {

using known_cycles = std::span<std::unique_ptr<known_cycle> const>;

std::vector<known_cycle*> of_size(known_cycles known, std::uint32_t size) {
  std::vector<known_cycle*> found;
  for (auto const& one : known)
    if (one->size() == size) found.push_back(one.get());
  return found;
}

std::vector<std::uint32_t> shorter_periods(known_cycles known, std::uint32_t period) {
  std::vector<std::uint32_t> shorter;
  for (auto const& one : known)
    if (one->size() < period) shorter.push_back(one->size());
  return shorter;
}

}  // namespace

cycle_learning::cycle_learning(acquire_history const& history, std::uint32_t period, known_cycles known,
                               std::uint32_t part_of)
    : history_(history),
      round_(history, period),
      part_of_(part_of),
      known_(round_, of_size(known, period)),
      parts_(round_, shorter_periods(known, period)),
      phase_(part_of == 0 ? phase::is_known : phase::is_part) {}

cycle_learning::outcome cycle_learning::go_on(cycle_finder& finder, work_portion work) {
  switch (phase_) {
    case phase::is_part:
      if (!count_part(finder, work)) return outcome::under_way;
      if (repeated_ < part_of_) return outcome::only_a_part;
      phase_ = phase::is_known;
      [[fallthrough]];
    case phase::is_known:
      if (!known_.go_on(work)) return outcome::under_way;
      if (known_.found() != nullptr) {
        next_ = known_.next();
        return outcome::known;
      }
      phase_ = phase::is_whole;
      [[fallthrough]];
    case phase::is_whole:
      if (!parts_.go_on(work)) return outcome::under_way;
      if (!parts_.whole_is_better()) return outcome::better_parts;
      phase_ = phase::find_start;
      [[fallthrough]];
    case phase::find_start:
      if (!find_start(work)) return outcome::under_way;
      phase_ = phase::take_entries;
      [[fallthrough]];
    case phase::take_entries:
      if (!take_entries(work)) return outcome::under_way;
      phase_ = phase::index;
      [[fallthrough]];
    case phase::index:
      if (!learned_->index(work)) return outcome::under_way;
      holds_.emplace(*learned_);
      phase_ = phase::take_holds;
      [[fallthrough]];
    case phase::take_holds:
      if (!take_holds(work)) return outcome::under_way;
      learned_->set_holds(*std::exchange(holds_, std::nullopt));
  }
  return outcome::learned;
}

std::uint32_t cycle_learning::next() const { return (next_ + round_.moved()) % period(); }

bool cycle_learning::count_part(cycle_finder& finder, work_portion& work) {
  while (repeated_ < part_of_) {
    std::uint32_t const most = work.take(part_of_ - repeated_);
    if (most == 0) return false;
    std::uint32_t const count = finder.repeats(history_, period(), most, round_.moved() + repeated_);
    repeated_ += count;
    if (count < most) break;
  }
  return true;
}

// Where the history does not tell any more, that is taken for where the repetition began.
bool cycle_learning::find_start(work_portion& work) {
  while (repeated_ < period()) {
    std::uint32_t const most = work.take(period() - repeated_);
    if (most == 0) return false;
    std::uint32_t const count = history_.repeats(period(), most, round_.moved() + repeated_);
    repeated_ += count;
    if (count < most) break;
  }
  bool const inside = repeated_ > 0 && repeated_ < period() && (round_.symbol(repeated_) & call_begins) != 0;
  start_ = inside ? repeated_ : period();
  next_ = inside ? start_ : 0;
  learned_ = std::make_unique<known_cycle>(period());
  return true;
}

bool cycle_learning::take_entries(work_portion& work) {
  while (learned_->appended() < period()) {
    if (!work.take()) return false;
    learned_->append(round_.symbol(ago(learned_->appended())));
  }
  return true;
}

bool cycle_learning::take_holds(work_portion& work) {
  while (holds_->count() < period()) {
    if (!work.take()) return false;
    holds_->add(round_.hold(ago(holds_->count())));
  }
  return true;
}

std::uint32_t cycle_learning::ago(std::uint32_t position) const {
  return position < start_ ? start_ - position : start_ + period() - position;
}

}  // namespace tierpager
