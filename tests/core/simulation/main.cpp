// The simulation tests' main function: GoogleTest's own arguments, then --seed=N (play this schedule, or start at it)
// and --schedules=N (so many in each test).
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <gtest/gtest.h>

#include <tests/core/simulation/schedule.hpp>

namespace {

extern "C" void print_seed(int) {
  std::fprintf(stderr, "the core asserted in the schedule of --seed=%llu\n",
               static_cast<unsigned long long>(tierpager::simulation::seed_under_way()));
}

bool read_number(std::string_view argument, std::string_view name, std::optional<std::uint64_t>& into) {
  if (!argument.starts_with(name)) return false;
  into = std::strtoull(argument.substr(name.size()).data(), nullptr, 10);
  return true;
}

}  // namespace

int main(int count, char** arguments) {
  testing::InitGoogleTest(&count, arguments);
  auto& replay = tierpager::simulation::requested_replay();
  for (int i = 1; i < count; ++i) {
    if (read_number(arguments[i], "--seed=", replay.seed) ||
        read_number(arguments[i], "--schedules=", replay.schedules))
      continue;
    std::fprintf(stderr, "unknown argument: %s\n", arguments[i]);
    return 2;
  }
  (void)std::signal(SIGABRT, print_seed);
  return RUN_ALL_TESTS();
}
