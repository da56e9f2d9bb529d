// One seeded schedule: a random catalog, budgets and callers, played against the core event by event. Not thread-safe.
// Only the test program's main function sets what is replayed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <tests/core/residency/simulation/driver.hpp>

namespace tierpager::simulation {

/// What the schedules of one test have in common.
struct profile {
  bool fail_calls = false;
  bool tiny_budgets = false;
  bool mixed_sizes = false;  // none, odd, larger than the RAM budget
  bool large_sets = false;
  bool no_vram = false;
  bool overcommit_pins = false;
  bool prefer_idle = false;  // no exact policy: victims whose last use is over go first
  bool orders = false;       // callers go through cycles, declared or not; plans, good and bad; loads ahead
  bool late_plans = false;   // plans are answered long after they were asked for
  bool odd_devices = false;  // VRAM that cannot be remapped, memory of their own in RAM
};

setup random_setup(chooser& choices, profile const& kind);
/// Throws `violation`.
void play(std::uint64_t seed, profile const& kind, std::string* trace = nullptr);
/// Plays so many seeds; at the first violation plays it again and returns its seed, what was violated and the trace.
std::optional<std::string> play_all(std::uint64_t first_seed, std::uint64_t schedules, profile const& kind);

/// The command line of the test program, read by its main function.
struct replay {
  std::optional<std::uint64_t> seed;
  std::optional<std::uint64_t> schedules;
};
replay& requested_replay();
/// What to print where the core's own asserts end the program.
std::uint64_t& seed_under_way();

}  // namespace tierpager::simulation
