// Every fallible CUDA call of some schedules fails: once, from then on until lifted, and as a context that dies. Nothing
// hangs, no wrong byte, nothing that CUDA does not order, nothing left behind; and a full pass afterwards.
#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include <tests/cuda/schedules/play.hpp>
#include <tests/cuda/schedules/request.hpp>

namespace tierpager::schedules {
namespace {

using cuda_standin::call;
using cuda_standin::call_fault;
using cuda_standin::lasting;

constexpr std::uint64_t runs_each_run = TIERPAGER_SCHEDULES;

struct counts {
  std::uint64_t worlds = 0, runs = 0, failed_calls = 0, refused = 0, unopened = 0;
};

char const* name_of(lasting how_long) {
  switch (how_long) {
    case lasting::once: return "once";
    case lasting::for_ever: return "for ever";
    default: return "sticky";
  }
}

std::string describe(world const& in, call_fault const& fault) {
  return "--seed=" + std::to_string(in.seed) + ", call " + std::to_string(fault.at_call) +
         (fault.only ? " of " + std::string(cuda_standin::name_of(*fault.only)) : std::string()) + ", " +
         name_of(fault.how_long) + ", code " + std::to_string(fault.code);
}

void run(world const& in, call_fault const& fault, counts& sum) {
  played const what = play(in, {.fault = fault, .verbose = requested().verbose});
  ++sum.runs;
  sum.failed_calls += what.failed_calls;
  sum.refused += what.failures;
  sum.unopened += what.opened ? 0 : 1;
  if (!what.wrong.empty())
    ADD_FAILURE() << describe(in, fault) << ": " << what.describe() << "\n  in a world of " << in.describe();
}

// A fault world is small: each of its calls fails in a run of its own.
world draw_fault_world(std::uint64_t seed) {
  world in = draw_world(seed);
  in.acts = 3 + in.acts / 4;
  in.closes_early = false;
  return in;
}

// Each call up to this one, then ever further apart: calls that only ask are many, and much alike.
constexpr std::uint64_t dense_calls = 150;

std::uint64_t next_of(std::uint64_t n) { return n < dense_calls ? n + 1 : n + 1 + n / 40; }

// The runs of one world: the calls that its clean run makes, each in every way.
void fail_every_call(std::uint64_t seed, counts& sum, std::uint64_t runs_max) {
  world const in = draw_fault_world(seed);
  played const clean = play(in);
  if (!clean.wrong.empty())
    ADD_FAILURE() << "--seed=" << seed << ", no fault: " << clean.describe() << "\n  in a world of " << in.describe();
  ++sum.worlds;
  std::uint64_t const only = requested().call;
  for (std::uint64_t n = only != 0 ? only : 1 + seed % 3; n <= clean.calls && sum.runs < runs_max; n = next_of(n)) {
    if (only != 0 && n != only) return;
    cudaError_t const code = (n + seed) % 2 == 0 ? cudaErrorUnknown : cudaErrorMemoryAllocation;
    for (lasting how_long : {lasting::once, lasting::for_ever, lasting::sticky})
      run(in,
          {.at_call = n, .how_long = how_long, .code = how_long == lasting::sticky ? cudaErrorIllegalAddress : code},
          sum);
    if (testing::Test::HasFailure()) return;
  }
}

// The share of a run that this process has: --shard=I/N.
TEST(device_faults, are_survived_at_every_call_in_every_way) {
  request const& asked = requested();
  std::uint64_t const runs_max = asked.schedules.value_or(runs_each_run) / asked.shards;
  counts sum;
  for (std::uint64_t seed = asked.seed.value_or(1) + asked.shard; sum.runs < runs_max; seed += asked.shards) {
    seed_under_way(seed);
    fail_every_call(seed, sum, runs_max);
    if (HasFailure()) return;
  }
  auto const number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
  std::printf("%llu fault runs in %llu worlds: %llu calls of CUDA failed, %llu of the facade\n", number(sum.runs),
              number(sum.worlds), number(sum.failed_calls), number(sum.refused));
  EXPECT_GE(sum.failed_calls, sum.runs / 2);
}

}  // namespace
}  // namespace tierpager::schedules
