#include <tests/fibers/scheduler.hpp>

#include <algorithm>
#include <cassert>
#include <cstdio>
#include <exception>
#include <memory>
#include <vector>

#include <tests/core/residency/simulation/chooser.hpp>
#include <tests/fibers/context.hpp>

namespace tierpager::fibers {
namespace {

enum class state : std::uint8_t { ready, takes, waits, joins, sleeps, over };

struct fiber {
  std::uint64_t number = 0, started_by = 0, priority = 0;
  state now = state::ready;
  mutex* wanted = nullptr;          // takes, waits
  void const* condition = nullptr;  // waits
  std::uint64_t awaited = 0;        // joins
  patience how_long = patience::for_ever;
  bool notified = false;
  std::uint32_t held = 0;  // mutexes
  char const* where = "its start";
  std::unique_ptr<context> stack;
};

// How much more likely than others.
struct weights {
  std::uint32_t fiber = 64, slow_fiber = 64, same_fiber = 64, device = 64, moment = 4, deadline = 1, spurious = 0;
};

weights weights_of(personality each) {
  switch (each) {
    case personality::runs_on: return {.same_fiber = 64 * 40};
    case personality::slow_device: return {.device = 1};
    case personality::fast_device: return {.device = 64 * 16};
    case personality::slow_fiber: return {.slow_fiber = 1};
    case personality::spurious: return {.moment = 16, .deadline = 4, .spurious = 1};
    default: return {};
  }
}

class scheduler {
 public:
  explicit scheduler(settings const& how)
      : how_(how), chooser_(how.seed * 2 + 1), favours_(static_cast<personality>(chooser_.choose(personalities))) {
    weights_ = weights_of(favours_);
    slow_ = 1 + chooser_.choose(8);
    unlock_gives_way_ = chooser_.happens(50);
    device_priority_ = next_priority();
  }

  outcome run(std::function<void()> first) {
    start(std::move(first));
    while (outcome_.why.empty() && unfinished_ > 0) {
      if (++outcome_.steps > how_.steps_max) {
        outcome_.why = "no end after " + std::to_string(how_.steps_max) + " steps: " + describe();
        break;
      }
      take_step();
    }
    outcome_.finished = outcome_.why.empty();
    return outcome_;
  }

  std::uint64_t start(std::function<void()> body) {
    auto made = std::make_unique<fiber>();
    made->number = fibers_.size() + 1;
    made->started_by = current_ == nullptr ? 0 : current_->number;
    made->priority = next_priority();
    made->stack = std::make_unique<context>([this, run = std::move(body), number = made->number] {
      try {
        run();
      } catch (std::exception const& thrown) {
        outcome_.why = "fiber " + std::to_string(number) + " let an exception go: " + thrown.what();
      }
    });
    fibers_.push_back(std::move(made));
    ++unfinished_;
    return fibers_.size();
  }

  [[nodiscard]] fiber& now() const {
    assert(current_ != nullptr);
    return *current_;
  }
  [[nodiscard]] fiber const* current() const { return current_; }
  [[nodiscard]] bool unlock_gives_way() const { return unlock_gives_way_; }
  std::uint32_t choose(std::uint32_t count) { return chooser_.choose(count); }

  void leave(state as, char const* where) {
    fiber& me = now();
    me.now = as;
    me.where = where;
    me.stack->leave();
    me.now = state::ready;
  }

  void notify(void const* condition, bool all) {
    std::vector<fiber*> waiting;
    for (auto const& each : fibers_)
      if (each->now == state::waits && each->condition == condition) waiting.push_back(each.get());
    if (!all && waiting.size() > 1) waiting = {waiting[chooser_.choose(static_cast<std::uint32_t>(waiting.size()))]};
    for (fiber* each : waiting) wake(*each, true);
  }

  [[nodiscard]] bool anybody_waits(void const* condition) const {
    return std::any_of(fibers_.begin(), fibers_.end(),
                       [&](auto const& each) { return each->now == state::waits && each->condition == condition; });
  }
  [[nodiscard]] bool anybody_takes(mutex const& locked) const {
    return std::any_of(fibers_.begin(), fibers_.end(),
                       [&](auto const& each) { return each->now == state::takes && each->wanted == &locked; });
  }

 private:
  struct candidate {
    fiber* who;  // none: the device
    std::uint32_t weight;
  };

  [[nodiscard]] std::uint64_t next_priority() { return 1'000'000 + chooser_.choose(1'000'000); }

  [[nodiscard]] bool runnable(fiber const& runner) const {
    switch (runner.now) {
      case state::ready: return true;
      case state::takes: return runner.wanted->owner == 0;
      case state::joins: return fibers_[runner.awaited - 1]->now == state::over;
      default: return false;
    }
  }

  // Whether it may go on though nobody told it to.
  [[nodiscard]] std::uint32_t weight_of_limit(fiber const& runner) const {
    if (runner.now == state::sleeps) return weights_.moment;
    if (runner.now != state::waits) return 0;
    if (runner.how_long == patience::moment) return weights_.moment;
    return runner.how_long == patience::until_deadline ? weights_.deadline : 0;
  }

  [[nodiscard]] std::uint32_t weight_of(fiber const& runner) const {
    std::uint32_t weight = weights_.fiber;
    if (&runner == last_) weight = weights_.same_fiber;
    return runner.number == slow_ && favours_ == personality::slow_fiber ? weights_.slow_fiber : weight;
  }

  void wake(fiber& runner, bool notified) {
    runner.notified = notified;
    runner.now = runner.wanted == nullptr ? state::ready : state::takes;
  }

  void take_step() {
    candidates_.clear();
    for (auto const& each : fibers_)
      if (runnable(*each)) candidates_.push_back({each.get(), weight_of(*each)});
    bool const any = !candidates_.empty();
    std::size_t const able = candidates_.size();
    for (auto const& each : fibers_)
      if (std::uint32_t const weight = weight_of_limit(*each)) candidates_.push_back({each.get(), weight});
    if (any && weights_.spurious > 0)
      for (auto const& each : fibers_)
        if (each->now == state::waits && weight_of_limit(*each) == 0) candidates_.push_back({each.get(), 1});
    if (how_.step_device) candidates_.push_back({nullptr, weights_.device});
    while (!candidates_.empty()) {
      std::size_t const chosen = favours_ == personality::priorities ? choose_first(able) : choose_by_weight();
      if (fiber* const who = candidates_[chosen].who) return enter(*who);
      note(0, "the device");
      if (how_.step_device()) return;
      candidates_.erase(candidates_.begin() + static_cast<std::ptrdiff_t>(chosen));
    }
    outcome_.why = "deadlock: " + describe();
  }

  std::size_t choose_by_weight() {
    std::uint32_t sum = 0;
    for (candidate const& each : candidates_) sum += each.weight;
    std::uint32_t drawn = chooser_.choose(sum);
    std::size_t at = 0;
    while (drawn >= candidates_[at].weight) drawn -= candidates_[at++].weight;
    return at;
  }

  // The first in the order among the `able` and the device; now and then any, so that limits end too; and now and then
  // who was first becomes last.
  std::size_t choose_first(std::size_t able) {
    bool const device_may = candidates_.back().who == nullptr;
    if (chooser_.happens(3) || (able == 0 && !device_may)) return choose_by_weight();
    auto const priority_of = [&](candidate const& each) { return each.who ? each.who->priority : device_priority_; };
    std::size_t first = able > 0 ? 0 : candidates_.size() - 1;
    for (std::size_t i = 0; i < candidates_.size(); ++i)
      if ((i < able || candidates_[i].who == nullptr) && priority_of(candidates_[i]) > priority_of(candidates_[first]))
        first = i;
    if (able == 0 && chooser_.happens(30)) return choose_by_weight();
    if (chooser_.happens(3))
      (candidates_[first].who ? candidates_[first].who->priority : device_priority_) = --lowest_priority_;
    return first;
  }

  void enter(fiber& runner) {
    note(runner.number, runner.where);
    if (runner.now == state::waits) wake(runner, favours_ == personality::spurious && weight_of_limit(runner) == 0);
    if (runner.now == state::takes && runner.wanted->owner != 0) return;  // its limit ended; the mutex is taken
    if (&runner != last_) ++outcome_.switches;
    current_ = last_ = &runner;
    if (how_.switched) how_.switched(runner.number);
    runner.stack->enter();
    if (runner.stack->over()) {
      runner.now = state::over;
      runner.stack.reset();
      --unfinished_;
    }
    current_ = nullptr;
    if (how_.switched) how_.switched(0);
  }

  void note(std::uint64_t number, char const* what) {
    outcome_.trace = (outcome_.trace ^ number) * 0x100000001b3ULL;
    for (char const* at = what; *at != '\0'; ++at)
      outcome_.trace = (outcome_.trace ^ static_cast<unsigned char>(*at)) * 0x100000001b3ULL;
    if (how_.verbose)
      std::printf("%8llu  %llu after %s\n", static_cast<unsigned long long>(outcome_.steps),
                  static_cast<unsigned long long>(number), what);
  }

  [[nodiscard]] std::string describe() const {
    std::string text;
    for (auto const& each : fibers_) {
      if (each->now == state::over) continue;
      text += "\n  fiber " + std::to_string(each->number) + " of " + std::to_string(each->started_by) + ": ";
      if (each->now == state::takes) text += "wants a mutex that " + std::to_string(each->wanted->owner) + " holds";
      if (each->now == state::waits)
        text += std::string("waits on a condition") + (each->how_long == patience::for_ever ? "" : ", with a limit");
      if (each->now == state::joins) text += "joins " + std::to_string(each->awaited);
      if (each->now == state::sleeps) text += "sleeps";
      if (each->now == state::ready) text += "can run";
      text += std::string(", at ") + each->where;
    }
    return text;
  }

  settings const how_;
  simulation::seeded chooser_;
  personality favours_;
  weights weights_;
  std::uint64_t slow_ = 0, device_priority_ = 0, lowest_priority_ = 1'000'000;
  bool unlock_gives_way_ = false;
  std::vector<std::unique_ptr<fiber>> fibers_;
  std::vector<candidate> candidates_;
  std::size_t unfinished_ = 0;
  fiber* current_ = nullptr;
  fiber* last_ = nullptr;
  outcome outcome_;
};

scheduler* running = nullptr;

scheduler& under_way() {
  assert(running != nullptr);
  return *running;
}

void take(mutex& locked, char const* where) {
  fiber& me = under_way().now();
  assert(locked.owner != me.number);  // not recursive
  while (locked.owner != 0) {
    me.wanted = &locked;
    under_way().leave(state::takes, where);
  }
  me.wanted = nullptr;
  locked.owner = me.number;
  ++me.held;
}

void drop(mutex& locked) {
  fiber& me = under_way().now();
  assert(locked.owner == me.number);
  locked.owner = 0;
  --me.held;
}

}  // namespace

outcome run(settings const& how, std::function<void()> first) {
  assert(running == nullptr);
  scheduler here(how);
  running = &here;
  outcome const ended = here.run(std::move(first));
  running = nullptr;
  return ended;
}

std::uint64_t current() { return running == nullptr || running->current() == nullptr ? 0 : running->now().number; }

void give_way(char const* where) { under_way().leave(state::ready, where); }

bool holds_a_mutex() { return under_way().now().held > 0; }

std::uint32_t choose(std::uint32_t count) { return under_way().choose(count); }

std::uint64_t start(std::function<void()> body) {
  std::uint64_t const number = under_way().start(std::move(body));
  give_way("starting another");
  return number;
}

void join(std::uint64_t fiber) {
  assert(fiber != 0);
  under_way().now().awaited = fiber;
  under_way().leave(state::joins, "join");
}

void lock(mutex& locked) {
  give_way("before a lock");
  take(locked, "lock");
}

void unlock(mutex& locked) {
  drop(locked);
  if (under_way().unlock_gives_way()) give_way("unlock");
}

void expect_idle(mutex const& locked) {
  assert(locked.owner == 0);
  assert(running == nullptr || !running->anybody_takes(locked));
}

bool wait(void const* condition, mutex& held, patience how_long) {
  fiber& me = under_way().now();
  drop(held);
  me.wanted = &held;
  me.condition = condition;
  me.how_long = how_long;
  me.notified = false;
  under_way().leave(state::waits, "wait");
  bool const notified = me.notified;
  take(held, "wait");
  return notified;
}

void notify(void const* condition, bool all) { under_way().notify(condition, all); }

void expect_nobody_waits(void const* condition) { assert(running == nullptr || !running->anybody_waits(condition)); }

void sleep() {
  under_way().now().wanted = nullptr;
  under_way().leave(state::sleeps, "sleep");
}

}  // namespace tierpager::fibers
