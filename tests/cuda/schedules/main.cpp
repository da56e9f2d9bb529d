// The main function of schedule_tests and device_fault_tests: GoogleTest's own arguments, then --seed=N (play this one,
// or start at it), --schedules=N (so many), --shard=I/N (every N-th from the I-th on),
// --call=N (the fault runs where this call fails), --verbose (print every step).
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <gtest/gtest.h>

#include <tests/cuda/schedules/request.hpp>

namespace tierpager::schedules {
namespace {

std::uint64_t seed_now = 0;

extern "C" void print_seed(int) {
  std::fprintf(stderr, "asserted in the schedule of --seed=%llu\n", static_cast<unsigned long long>(seed_now));
}

bool take(std::string_view argument, std::string_view name, std::string_view& value) {
  if (!argument.starts_with(name)) return false;
  value = argument.substr(name.size());
  return true;
}

std::uint64_t number(std::string_view text) { return std::strtoull(text.data(), nullptr, 10); }

bool take_argument(std::string_view argument, request& into) {
  std::string_view value;
  if (argument == "--verbose") {
    into.verbose = true;
  } else if (take(argument, "--seed=", value)) {
    into.seed = number(value);
  } else if (take(argument, "--schedules=", value)) {
    into.schedules = number(value);
  } else if (take(argument, "--call=", value)) {
    into.call = number(value);
  } else if (take(argument, "--shard=", value) && value.find('/') != std::string_view::npos) {
    into.shard = number(value);
    into.shards = number(value.substr(value.find('/') + 1));
  } else {
    return false;
  }
  return into.shard < into.shards;
}

}  // namespace

request& requested() {
  static request asked;
  return asked;
}

void seed_under_way(std::uint64_t seed) { seed_now = seed; }

}  // namespace tierpager::schedules

int main(int count, char** arguments) {
  testing::InitGoogleTest(&count, arguments);
  for (int i = 1; i < count; ++i) {
    if (tierpager::schedules::take_argument(arguments[i], tierpager::schedules::requested())) continue;
    std::fprintf(stderr, "unknown argument: %s\n", arguments[i]);
    return 2;
  }
  (void)std::signal(SIGABRT, tierpager::schedules::print_seed);
  return RUN_ALL_TESTS();
}
