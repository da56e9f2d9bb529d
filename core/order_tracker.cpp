#include <core/order_tracker.hpp>

#include <algorithm>
#include <cassert>
#include <utility>
#include <vector>

#include <core/acquire_history.hpp>
#include <core/cycle_finder.hpp>

namespace tierpager {
namespace {

constexpr std::size_t cycles_max = 8;
// Calls that a cycle does not foretell: about four in a row are borne, and about one in five for long.
constexpr std::uint32_t strikes_a_miss = 4;
constexpr std::uint32_t strikes_max = 16;
constexpr std::uint32_t skipped_entries_max = 8;
// Entries in a row that say which cycle this is where one does not suffice.
constexpr std::uint32_t sure_match = 8;
constexpr int trust_max = 2;
constexpr int distrust_max = -3;

}  // namespace

struct order_tracker::state {
  explicit state(std::size_t tensor_count) : tensors(tensor_count), history(tensor_count) {}

  // One call that is not what the course foretells, or any call where there is no course.
  void miss(std::uint32_t entries);
  void advance(std::uint32_t entries);
  void wrap();
  bool skip_ahead(std::uint32_t entries);
  bool find_place(std::uint32_t entries);
  bool adopt(cycle_finder::repetition const& found);
  bool is_part(cycle_finder::repetition const& found);
  bool reconsider_holds();

  [[nodiscard]] std::uint32_t wanted_match(known_cycle const& one, std::uint32_t entries) const;
  [[nodiscard]] std::uint32_t latest_hold(std::uint32_t ago, std::uint32_t period) const;
  [[nodiscard]] std::vector<std::uint32_t> shorter_periods(std::uint32_t period) const;
  known_cycle& learn(std::uint32_t period);
  known_cycle& keep(std::unique_ptr<known_cycle> one);
  void forget_declared();
  void follow(known_cycle& one, std::uint32_t next);
  void leave();
  void lose();

  std::size_t tensors;
  acquire_history history;
  cycle_finder finder;
  std::vector<std::unique_ptr<known_cycle>> cycles;  // the one followed last comes first
  std::uint64_t version = 0;

  // Where a course is held.
  known_cycle* course = nullptr;
  acquire_symbol const* expected = nullptr;  // the course's symbols
  std::uint32_t size = 0;
  std::uint32_t position = 0;
  std::uint32_t strikes = 0;
  std::uint32_t held_since = 0;  // clock
  std::uint32_t last_miss = 0;   // clock
  bool untried = false;          // declared, and nothing of it acquired so far
  bool proven = false;           // held for more than a round
  bool holds_differ = false;
  std::vector<acquire_symbol> call;  // the entries of a set, sorted
};

void order_tracker::state::advance(std::uint32_t entries) {
  position += entries;
  untried = false;
  if (strikes != 0) --strikes;
  if (position == size) wrap();
}

void order_tracker::state::wrap() {
  position = 0;
  std::uint32_t const held = history.clock() - held_since;
  if (!proven && held >= size + size / 2) {
    proven = true;
    course->trust = std::min(course->trust + 1, trust_max);
    finder.trust(size);
  }
  // The last round has to be on record without a gap.
  if (holds_differ && history.clock() - last_miss >= size && history.size() >= size) {
    if (--course->remake_wait == 0 && reconsider_holds()) ++version;
  }
}

// Each time that holds are looked at again, twice as many rounds have to differ; and after the second, they only grow:
// so a program whose holds vary settles on the longest.
bool order_tracker::state::reconsider_holds() {
  holds_differ = false;
  bool const grow = course->remakes >= 2;
  course->remake_wait = 1U << std::min(++course->remakes, 20U);
  std::vector<std::uint32_t> holds(size);
  for (std::uint32_t i = 0; i < size; ++i) {
    holds[i] = latest_hold(size - i, size);
    if (grow) holds[i] = std::max(holds[i], course->hold(i));
  }
  return course->set_holds(std::move(holds));
}

// Of what is held still, how long it was held the time before is the best guess, while it is not exceeded.
std::uint32_t order_tracker::state::latest_hold(std::uint32_t ago, std::uint32_t period) const {
  if (std::uint32_t const held = history.held(ago); held != 0) return held;
  std::uint32_t const before = ago + period;
  bool const known = before <= history.size() && index_in(history.symbol(before)) == index_in(history.symbol(ago));
  return known && history.held(before) >= ago ? history.held(before) : period;
}

void order_tracker::state::miss(std::uint32_t entries) {
  last_miss = history.clock();
  // Where the course has the tensor elsewhere, it may do so again: a target model after fewer drafts than usual.
  bool const elsewhere = course != nullptr && (proven || !course->declared) && course->contains(history.symbol(1));
  auto const found = finder.look(history, entries, elsewhere);
  if (found && !(elsewhere && is_part(found)) && adopt(found)) return;
  if (course != nullptr) {
    finder.rest();
    strikes += strikes_a_miss;
    if (skip_ahead(entries)) return;
  }
  if (find_place(entries)) return;
  if (course != nullptr && strikes > strikes_max) lose();
}

// The program left something out.
bool order_tracker::state::skip_ahead(std::uint32_t entries) {
  std::uint32_t const most = std::min(skipped_entries_max, size - 1);
  for (std::uint32_t skipped = 1; skipped <= most; ++skipped) {
    std::uint32_t const begin = position + skipped < size ? position + skipped : position + skipped - size;
    if (begin + entries > size || (expected[begin + entries] & call_begins) == 0) continue;
    std::uint32_t same = 0;
    while (same < entries && expected[begin + same] == history.symbol(entries - same)) ++same;
    if (same < entries) continue;
    if (strikes > strikes_max) return false;
    untried = false;
    position = begin + entries == size ? 0 : begin + entries;
    return true;
  }
  return false;
}

// Another place of the course, where two calls lead there; or another cycle that alone explains the call.
bool order_tracker::state::find_place(std::uint32_t entries) {
  known_cycle* best = nullptr;
  known_cycle::place there, here;
  for (auto const& one : cycles) {
    if (one.get() != course && one->trust <= distrust_max) continue;  // until it is found to repeat
    std::uint32_t const wanted = wanted_match(*one, entries);
    auto const found = one->find_latest(history, std::max(wanted, 2 * sure_match + entries));
    if (found.matched < entries) continue;
    if (one.get() == course) {
      here = found;
    } else if (found.matched >= wanted && found.matched > there.matched) {
      best = one.get();
      there = found;
    }
  }
  bool const elsewhere = here.matched > (untried ? 0 : entries);
  if (best != nullptr && (here.matched == 0 || there.matched >= std::max(here.matched, entries) + sure_match)) {
    follow(*best, there.next);
    return true;
  }
  if (!elsewhere || strikes > strikes_max) return false;
  position = here.next;
  untried = false;
  return true;
}

std::uint32_t order_tracker::state::wanted_match(known_cycle const& one, std::uint32_t entries) const {
  return one.trust > 0 ? entries : std::max(entries, std::min(one.size(), sure_match));
}

bool order_tracker::state::adopt(cycle_finder::repetition const& found) {
  for (auto const& one : cycles) {
    std::uint32_t next = 0;
    if (one->size() != found.period || !one->is_latest(history, next)) continue;
    if (one.get() == course)
      position = next;
    else
      follow(*one, next);
    return true;
  }
  if (!better_whole(history, found.period, shorter_periods(found.period))) {
    finder.refuse(found.period);
    finder.rest();
    return false;
  }
  known_cycle& learned = learn(found.period);
  finder.forget_refusals();
  follow(learned, learned.left_at);
  last_miss = history.clock() - size;  // all of it is on record
  return true;
}

// A known cycle of which the course consists in part, as of drafts, may come once more often than usual without being
// all that is to come.
bool order_tracker::state::is_part(cycle_finder::repetition const& found) {
  auto const its = [&](auto const& one) { return one->size() == found.period; };
  return found.period < size && std::ranges::any_of(cycles, its) && finder.repeats(history, found.period, size) < size;
}

std::vector<std::uint32_t> order_tracker::state::shorter_periods(std::uint32_t period) const {
  std::vector<std::uint32_t> shorter;
  for (auto const& one : cycles)
    if (one->size() < period) shorter.push_back(one->size());
  return shorter;
}

// The cycle begins where its repetition did, as a pass of the program does more often than not.
known_cycle& order_tracker::state::learn(std::uint32_t period) {
  std::uint32_t const matched = history.repeats(period, period);
  bool const from_match = matched < period && (history.symbol(matched) & call_begins) != 0;
  std::uint32_t const start = from_match ? matched : period;
  std::vector<acquire_symbol> symbols(period);
  std::vector<std::uint32_t> holds(period);
  for (std::uint32_t i = 0; i < period; ++i) {
    std::uint32_t const ago = i < start ? start - i : start + period - i;
    symbols[i] = history.symbol(ago);
    holds[i] = latest_hold(ago, period);
  }
  known_cycle& learned = keep(std::make_unique<known_cycle>(std::move(symbols), std::move(holds), tensors));
  learned.left_at = from_match ? start : 0;
  return learned;
}

known_cycle& order_tracker::state::keep(std::unique_ptr<known_cycle> one) {
  cycles.insert(cycles.begin(), std::move(one));
  std::uint64_t entries = 0;
  std::size_t count = 0;
  std::erase_if(cycles, [&](auto const& other) {
    entries += other->size();
    bool const too_many = ++count > cycles_max || entries > history.capacity();
    return too_many && count > 1 && !other->declared && other.get() != course;
  });
  return *cycles.front();
}

void order_tracker::state::follow(known_cycle& one, std::uint32_t next) {
  leave();
  course = &one;
  expected = one.symbols();
  size = one.size();
  position = next;
  strikes = 0;
  held_since = history.clock();
  untried = proven = holds_differ = false;
  finder.rest();
  ++version;
  auto const found = std::ranges::find(cycles, &one, [](auto const& other) { return other.get(); });
  std::rotate(cycles.begin(), found, found + 1);
}

// A cycle that is left soon after it was taken up is not taken up so easily again: a plan for it was not worth making.
void order_tracker::state::leave() {
  if (course == nullptr) return;
  course->left_at = position;
  if (!proven) {
    if (course->trust > distrust_max) --course->trust;
    finder.doubt(size);
  }
  course = nullptr;
}

void order_tracker::state::lose() {
  if (!proven && course->trust > distrust_max) --course->trust;  // worse than to be left for another
  leave();
  strikes = 0;
  finder.rest();
  ++version;
}

void order_tracker::state::forget_declared() {
  auto const found = std::ranges::find_if(cycles, [](auto const& one) { return one->declared; });
  if (found == cycles.end()) return;
  if (found->get() == course) lose();
  cycles.erase(found);
}

order_tracker::order_tracker(std::size_t tensors) : state_(std::make_unique<state>(tensors)) {}
order_tracker::order_tracker(order_tracker&&) noexcept = default;
order_tracker& order_tracker::operator=(order_tracker&&) noexcept = default;
order_tracker::~order_tracker() = default;

void order_tracker::declare(std::unique_ptr<known_cycle> order) {
  auto& its = *state_;
  its.forget_declared();
  if (order == nullptr) return;
  order->declared = true;
  order->trust = trust_max;
  its.follow(its.keep(std::move(order)), 0);
  its.untried = true;
}

void order_tracker::acquired(std::span<tensor_id const> ids) {
  auto& its = *state_;
  if (ids.empty()) return;
  if (ids.size() == 1) {
    acquire_symbol const one = static_cast<std::uint32_t>(index_of(ids.front())) | call_begins;
    its.history.append(one);
    if (its.course != nullptr && its.expected[its.position] == one &&
        (its.expected[its.position + 1] & call_begins) != 0)
      return its.advance(1);
    return its.miss(1);
  }
  auto const entries = static_cast<std::uint32_t>(std::min<std::size_t>(ids.size(), its.history.capacity() / 2));
  its.call.clear();
  for (tensor_id const id : ids.first(entries)) its.call.push_back(static_cast<std::uint32_t>(index_of(id)));
  if (!std::ranges::is_sorted(its.call)) std::ranges::sort(its.call);
  its.call.front() |= call_begins;
  for (acquire_symbol const one : its.call) its.history.append(one);
  if (its.course != nullptr && entries <= its.size - its.position &&
      std::equal(its.call.begin(), its.call.end(), its.expected + its.position) &&
      (its.expected[its.position + entries] & call_begins) != 0)
    return its.advance(entries);
  its.miss(entries);
}

bool order_tracker::acquired_next(tensor_id id) {
  auto& its = *state_;
  acquire_symbol const one = static_cast<std::uint32_t>(index_of(id)) | call_begins;
  if (its.course == nullptr || its.position + 1 >= its.size || its.expected[its.position] != one ||
      (its.expected[its.position + 1] & call_begins) == 0)
    return false;
  its.history.append(one);
  its.advance(1);
  return true;
}

void order_tracker::released(tensor_id id) {
  auto& its = *state_;
  std::uint32_t const ago = its.history.released(id);
  if (ago == 0 || its.course == nullptr) return;
  std::uint32_t const back = ago <= its.position ? its.position - ago : its.position + its.size - ago;
  if (ago > its.position + its.size || index_in(its.expected[back]) != index_of(id)) return;
  if (std::min(ago, its.size) != its.course->hold(back)) its.holds_differ = true;
}

std::shared_ptr<acquire_order const> order_tracker::following() const {
  return state_->course == nullptr ? nullptr : state_->course->order();
}

std::uint64_t order_tracker::version() const { return state_->version; }

std::size_t order_tracker::position() const { return state_->position; }

std::optional<std::uint32_t> order_tracker::entries_until(tensor_id id) const {
  return state_->course == nullptr ? std::nullopt : state_->course->entries_until(id, state_->position);
}

}  // namespace tierpager
