// Tens of thousands of schedules of the pager on the CUDA device, each from a seed: no wrong byte, nothing that CUDA does
// not order, no deadlock, no budget exceeded, nothing left behind.
#include <gtest/gtest.h>

#include <cstdio>

#include <tests/cuda/schedules/play.hpp>
#include <tests/cuda/schedules/request.hpp>

namespace tierpager::schedules {
namespace {

constexpr std::uint64_t schedules_each_run = TIERPAGER_SCHEDULES;

void expect_good(world const& in, played const& what) {
  if (what.wrong.empty()) return;
  ADD_FAILURE() << "--seed=" << in.seed << ": " << what.describe() << "\n  in a world of " << in.describe();
}

TEST(schedules, keep_every_promise) {
  request const& asked = requested();
  std::uint64_t const first = asked.seed.value_or(1);
  std::uint64_t const count = asked.schedules.value_or(asked.seed ? 1 : schedules_each_run);
  played sum;
  std::uint64_t runs = 0;
  for (std::uint64_t seed = first + asked.shard; seed < first + count; seed += asked.shards) {
    seed_under_way(seed);
    world const in = draw_world(seed);
    if (asked.verbose) std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed), in.describe().c_str());
    played const what = play(in, {.verbose = asked.verbose});
    expect_good(in, what);
    if (HasFailure()) return;
    ++runs;
    sum.how.steps += what.how.steps;
    sum.how.switches += what.how.switches;
    sum.acquires += what.acquires;
    sum.kernels += what.kernels;
    sum.host_reads += what.host_reads;
    sum.failures += what.failures;
    sum.ahead_bytes += what.ahead_bytes;
  }
  auto const number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
  std::printf(
      "%llu schedules, %llu steps: %llu acquires, %llu kernels and %llu reads on the CPU compared bytes, %llu calls "
      "were refused, %llu bytes were loaded ahead\n",
      number(runs), number(sum.how.steps), number(sum.acquires), number(sum.kernels), number(sum.host_reads),
      number(sum.failures), number(sum.ahead_bytes));
  EXPECT_GE(sum.kernels, runs);
  EXPECT_TRUE(sum.ahead_bytes > 0 || runs < 100);
}

TEST(schedules, take_the_same_steps_for_the_same_seed) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    world const in = draw_world(seed);
    EXPECT_EQ(play(in).how.trace, play(in).how.trace) << "--seed=" << seed;
  }
}

}  // namespace
}  // namespace tierpager::schedules
