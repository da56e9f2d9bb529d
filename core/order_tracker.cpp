#include <core/order_tracker.hpp>

#include <algorithm>
#include <utility>
#include <vector>

#include <core/acquire_history.hpp>
#include <core/cycle_finder.hpp>
#include <core/cycle_learning.hpp>

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
// Calls of large sets take longer anyway, and there are few of them in a round: it has to suffice for a cycle.
constexpr std::uint32_t work_an_entry = 16;

}  // namespace

struct order_tracker::state {
  state(std::size_t tensors, std::uint32_t most_work) : history(tensors), finder(most_work), work_a_call(most_work) {}

  // One call that is not what the course foretells, or any call where there is no course.
  void miss(std::uint32_t entries);
  // One that is. The step alone is enough where the cycle goes on and nothing is under way.
  void advance(std::uint32_t entries);
  void step(std::uint32_t entries) {
    position += entries;
    untried = false;
    if (strikes != 0) --strikes;
  }
  void wrap();
  [[nodiscard]] bool busy() const { return learning || remaking || finder.comparing(); }
  void go_on(std::uint32_t entries);
  bool skip_ahead(std::uint32_t entries);
  bool find_place(std::uint32_t entries);
  bool find_cycle(std::uint32_t entries);
  bool learn(cycle_finder::repetition const& found, std::uint32_t entries);
  bool learn(std::uint32_t entries);
  void take_up(cycle_learning& ended);
  void remake_holds(std::uint32_t entries);

  [[nodiscard]] std::uint32_t wanted_match(known_cycle const& one, std::uint32_t entries) const;
  [[nodiscard]] std::uint32_t possible_whole(std::uint32_t period) const;
  [[nodiscard]] work_portion portion(std::uint32_t entries, std::uint32_t extent) const;
  known_cycle& keep(std::unique_ptr<known_cycle> one);
  void forget_declared();
  void follow(known_cycle& one, std::uint32_t next);
  void leave();
  void lose();

  acquire_history history;
  cycle_finder finder;
  std::uint32_t work_a_call;
  std::vector<std::unique_ptr<known_cycle>> cycles;  // the one followed last comes first
  std::uint64_t version = 0;
  std::unique_ptr<cycle_learning> learning;  // under way
  struct remake {
    cycle_holds holds;
    std::uint32_t round_end;  // clock: the holds of the round before that are taken
    bool grow;
  };
  std::optional<remake> remaking;  // under way; of the course

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
  step(entries);
  if (position == size) wrap();
  if (busy()) go_on(entries);
}

// With what the calls before were too short for.
void order_tracker::state::go_on(std::uint32_t entries) {
  if (remaking) remake_holds(entries);
  if (learning) {
    (void)learn(entries);
  } else if (finder.comparing()) {
    (void)learn(finder.go_on(history, entries), entries);
    finder.rest_between_looks();
  }
}

// Each time that holds are looked at again, twice as many rounds have to differ; and after the second, they only grow:
// so a program whose holds vary settles on the longest.
void order_tracker::state::wrap() {
  position = 0;
  std::uint32_t const held = history.clock() - held_since;
  if (!proven && held >= size + size / 2) {
    proven = true;
    course->trust = std::min(course->trust + 1, trust_max);
    finder.trust(size);
  }
  // The last round has to be on record without a gap.
  if (!holds_differ || remaking || history.clock() - last_miss < size || history.size() < size) return;
  if (--course->remake_wait != 0) return;
  holds_differ = false;
  course->remake_wait = 1;  // in case that it is not brought to its end
  remaking = remake{.holds = cycle_holds(*course), .round_end = history.clock(), .grow = course->remakes >= 2};
}

void order_tracker::state::remake_holds(std::uint32_t entries) {
  auto work = portion(entries, size);
  std::uint32_t const since = history.clock() - remaking->round_end;
  for (std::uint32_t i = remaking->holds.count(); i < size; ++i) {
    if (!work.take()) return;
    std::uint32_t const ago = size - i + since;
    std::uint32_t hold = ago <= history.size() ? history.latest_hold(ago, size) : course->hold(i);
    if (remaking->grow) hold = std::max(hold, course->hold(i));
    remaking->holds.add(hold);
  }
  course->remake_wait = 1U << std::min(++course->remakes, 20U);
  if (course->set_holds(std::move(remaking->holds))) ++version;
  remaking.reset();
}

work_portion order_tracker::state::portion(std::uint32_t entries, std::uint32_t extent) const {
  if (extent <= work_a_call) return work_portion::unlimited();
  return work_portion(std::max<std::uint64_t>(work_a_call, std::uint64_t{entries} * work_an_entry));
}

void order_tracker::state::miss(std::uint32_t entries) {
  last_miss = history.clock();
  if (find_cycle(entries)) return;
  if (course != nullptr) {
    finder.rest_between_looks();
    strikes += strikes_a_miss;
    if (skip_ahead(entries)) return;
  }
  if (find_place(entries)) return;
  if (course != nullptr && strikes > strikes_max) lose();
}

// Whether one is taken up now that the program is seen to repeat.
bool order_tracker::state::find_cycle(std::uint32_t entries) {
  if (learning) {
    if (learn(entries)) return true;
    if (learning) return false;
  }
  // Where the course has the tensor elsewhere, it may do so again: a target model after fewer drafts than usual.
  bool const on_course = course != nullptr && (proven || !course->declared) && course->contains(history.symbol(1));
  return learn(finder.look(history, entries, on_course), entries);
}

bool order_tracker::state::learn(cycle_finder::repetition const& found, std::uint32_t entries) {
  if (!found) return false;
  learning = std::make_unique<cycle_learning>(history, found.period, cycles, possible_whole(found.period));
  return learn(entries);
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
    // Not until it is found to repeat, nor while another is.
    if (one.get() != course && (one->trust <= distrust_max || learning)) continue;
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

// A known cycle of which the course consists in part, as of drafts, may come once more often than usual without being
// all that is to come.
std::uint32_t order_tracker::state::possible_whole(std::uint32_t period) const {
  auto const its = [=](auto const& one) { return one->size() == period; };
  return course != nullptr && finder.wanted_most() && period < size && std::ranges::any_of(cycles, its) ? size : 0;
}

// Goes on with what is being learned, if the program still repeats it. Whether a cycle is taken up.
bool order_tracker::state::learn(std::uint32_t entries) {
  std::uint32_t const period = learning->period();
  if (history.repeats(period, entries) < entries) {
    finder.doubt(period);
    learning.reset();
    return false;
  }
  auto const outcome = learning->go_on(finder, portion(entries, learning->extent()));
  if (outcome == cycle_learning::outcome::under_way) {
    finder.rest();
    return false;
  }
  auto const ended = std::move(learning);
  if (outcome == cycle_learning::outcome::better_parts) {
    finder.refuse(period);
    finder.rest();
  }
  if (outcome != cycle_learning::outcome::known && outcome != cycle_learning::outcome::learned) return false;
  take_up(*ended);
  return true;
}

void order_tracker::state::take_up(cycle_learning& ended) {
  std::uint32_t const next = ended.next();
  if (ended.known() == nullptr) {
    known_cycle& learned = keep(ended.take_learned());
    learned.left_at = next;
    finder.forget_refusals();
    follow(learned, next);
    last_miss = history.clock() - size;  // all of it is on record
  } else if (ended.known() == course) {
    position = next;
  } else {
    follow(*ended.known(), next);
  }
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
  remaking.reset();
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

order_tracker::order_tracker(std::size_t tensors, std::uint32_t work_a_call)
    : state_(std::make_unique<state>(tensors, work_a_call)) {}
order_tracker::order_tracker(order_tracker&&) noexcept = default;
order_tracker& order_tracker::operator=(order_tracker&&) noexcept = default;
order_tracker::~order_tracker() = default;

void order_tracker::declare(std::unique_ptr<known_cycle> order) {
  auto& its = *state_;
  its.learning.reset();
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
      (its.expected[its.position + 1] & call_begins) == 0 || its.busy())
    return false;
  its.history.append(one);
  its.step(1);
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
