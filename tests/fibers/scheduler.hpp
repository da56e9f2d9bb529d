// Decides which fiber runs next, from a seed: a program whose threads, locks and conditions are those of the twin in
// tests/fibers/host/threading.hpp runs the same way each time. One OS thread, one run at a time. Finds deadlocks and
// runs that do not end. Time is not modelled: a wait with a limit may end at any moment, a long one rarely.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace tierpager::fibers {

/// What a seed favours; each finds what the others pass over.
enum class personality : std::uint8_t {
  uniform,      // everybody alike
  runs_on,      // who runs goes on running
  slow_device,  // queued work runs when hardly anything else can
  fast_device,  // queued work runs at once
  slow_fiber,   // one fiber runs when hardly anything else can
  priorities,   // the first in a secret order runs, which changes now and then
  spurious,     // waits end without a reason
};
inline constexpr std::uint32_t personalities = 7;

struct settings {
  std::uint64_t seed = 1;
  std::uint64_t steps_max = 400'000;  // more is a run that does not end
  /// Runs a piece of what the device has queued; false where nothing can run.
  std::function<bool()> step_device = {};
  /// The fiber of that number runs from now on.
  std::function<void(std::uint64_t)> switched = {};
  bool verbose = false;  // prints every step
};

struct outcome {
  bool finished = false;
  std::string why = {};  // a deadlock, with who waits for what; no end; an exception that nobody caught; else empty
  std::uint64_t steps = 0;
  std::uint64_t switches = 0;
  std::uint64_t trace = 0;  // equal for runs that took the same steps
};

/// Runs `first` as fiber 1 until it and all that it started are over. Of a run that does not finish, the fibers are
/// left where they stand.
outcome run(settings const& how, std::function<void()> first);

// What follows is for the fibers of a run -------------------------------------------------------------------------------

/// The fiber that runs, counted from 1 in the order of start; 0 outside of a run.
[[nodiscard]] std::uint64_t current();
/// Another may run. `where` is for the trace, and outlives the run.
void give_way(char const* where);
/// The fiber that runs holds a mutex.
[[nodiscard]] bool holds_a_mutex();
/// A number below `count`, from the seed.
[[nodiscard]] std::uint32_t choose(std::uint32_t count);

/// Returns its number.
std::uint64_t start(std::function<void()> body);
void join(std::uint64_t fiber);

struct mutex {
  std::uint64_t owner = 0;
};
void lock(mutex& locked);
void unlock(mutex& locked);
void expect_idle(mutex const& locked);  // its destructor

/// How long a wait lasts before it may end by itself.
enum class patience : std::uint8_t { for_ever, until_deadline, moment };
/// `condition` is any address. Returns holding the mutex again; false where nobody notified.
bool wait(void const* condition, mutex& held, patience how_long);
void notify(void const* condition, bool all);
void expect_nobody_waits(void const* condition);  // its destructor
void sleep();

}  // namespace tierpager::fibers
