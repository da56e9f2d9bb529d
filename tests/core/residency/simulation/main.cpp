// The simulation tests' main function: GoogleTest's own arguments, then --seed=N (play this schedule, or start at it)
// and --schedules=N (so many in each test).
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <gtest/gtest.h>

#include <tests/core/residency/simulation/schedule.hpp>

namespace {

// On a stack of its own: what ends the program may be a recursion without end.
extern "C" void print_seed(int which) {
  std::fprintf(stderr, "the core %s in the schedule of --seed=%llu\n", which == SIGABRT ? "asserted" : "crashed",
               static_cast<unsigned long long>(tierpager::simulation::seed_under_way()));
  std::_Exit(2);
}

void tell_seed_of(int which) {
  struct sigaction how = {};
  how.sa_handler = print_seed;
  how.sa_flags = SA_ONSTACK;
  (void)sigaction(which, &how, nullptr);
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
  static std::array<char, 65536> stack;
  stack_t const own{.ss_sp = stack.data(), .ss_flags = 0, .ss_size = stack.size()};
  (void)sigaltstack(&own, nullptr);
  tell_seed_of(SIGABRT);
  tell_seed_of(SIGSEGV);
  return RUN_ALL_TESTS();
}
