// Calls that fail: which, for how long, and what a failed call leaves behind.
#include <tests/cuda_standin/standin_fixture.hpp>

namespace tierpager::cuda_standin {
namespace {

class cuda_standin_faults : public cuda_standin_world {};

TEST_F(cuda_standin_faults, hit_the_call_of_that_number_of_any_kind) {
  fail_nth(2, lasting::once, cudaErrorMemoryAllocation);
  EXPECT_EQ(cudaEventQuery(event_), cudaSuccess);
  EXPECT_EQ(cudaPeekAtLastError(), cudaSuccess);  // not counted
  EXPECT_EQ(read_vram(compute_), cudaSuccess);    // nor this
  EXPECT_EQ(cudaEventQuery(event_), cudaErrorMemoryAllocation);
  EXPECT_EQ(cudaPeekAtLastError(), cudaErrorMemoryAllocation);
  EXPECT_EQ(cudaEventQuery(event_), cudaSuccess);
  EXPECT_EQ(failed_calls(), 1U);
  EXPECT_EQ(fallible_calls(), 3U);
  EXPECT_EQ(calls(call::cuda_event_query), 3U);
}

TEST_F(cuda_standin_faults, hit_one_kind_until_lifted) {
  fail_nth(call::cuda_event_record, 2, lasting::for_ever);
  EXPECT_EQ(cudaEventRecord(event_, copies_), cudaSuccess);
  EXPECT_EQ(cudaEventRecord(event_, copies_), cudaErrorUnknown);
  EXPECT_EQ(cudaEventQuery(event_), cudaErrorNotReady);
  EXPECT_EQ(cudaEventRecord(event_, copies_), cudaErrorUnknown);
  lift();
  EXPECT_EQ(cudaEventRecord(event_, copies_), cudaSuccess);
}

TEST_F(cuda_standin_faults, that_are_sticky_end_the_context) {
  read_vram(compute_);
  fail_nth(1, lasting::sticky);
  EXPECT_EQ(cudaEventQuery(event_), cudaErrorIllegalAddress);
  EXPECT_FALSE(pending());
  lift();
  EXPECT_EQ(cudaStreamSynchronize(compute_), cudaErrorIllegalAddress);
  EXPECT_EQ(cudaFree(vram_), cudaErrorIllegalAddress);
  EXPECT_EQ(cudaGetLastError(), cudaErrorIllegalAddress);
  EXPECT_EQ(cudaGetLastError(), cudaErrorIllegalAddress);
  int number = 0;
  EXPECT_EQ(cudaDriverGetVersion(&number), cudaSuccess);
  EXPECT_EQ(cudaGetDeviceCount(&number), cudaSuccess);
}

TEST_F(cuda_standin_faults, come_late_where_a_kernel_killed_the_context) {
  copy_in(copies_);
  kill_context(cudaErrorLaunchFailure);
  EXPECT_FALSE(step());
  EXPECT_EQ(cudaEventRecord(event_, copies_), cudaErrorLaunchFailure);
}

TEST_F(cuda_standin_faults, leave_a_copy_queued_or_not_as_the_seed_decides) {
  bool queued = false;
  bool dropped = false;
  for (std::uint64_t seed = 0; seed != 20; ++seed) {
    start({.seed = seed});
    fail_nth(call::cuda_memcpy_async, 1, lasting::once);
    EXPECT_EQ(copy_in(copies_), cudaErrorUnknown);
    (pending() ? queued : dropped) = true;
  }
  EXPECT_TRUE(queued && dropped);
}

TEST_F(cuda_standin_faults, leave_an_event_as_it_was) {
  cudaEventRecord(event_, copies_);
  run_all();
  hold(compute_);
  read_vram(compute_);
  fail_nth(call::cuda_event_record, 1, lasting::once);
  EXPECT_EQ(cudaEventRecord(event_, compute_), cudaErrorUnknown);
  EXPECT_EQ(cudaEventQuery(event_), cudaSuccess);
}

TEST_F(cuda_standin_faults, leave_what_was_to_be_freed_but_do_not_call_it_a_leak) {
  fail_nth(call::cuda_free, 1, lasting::once);
  EXPECT_EQ(cudaFree(vram_), cudaErrorUnknown);
  EXPECT_EQ(live().mallocs, 0U);
  EXPECT_EQ(live().abandoned, 1U);
  EXPECT_EQ(copy_in(copies_), cudaSuccess);
  cudaStreamSynchronize(copies_);
  EXPECT_EQ(cudaFree(vram_), cudaSuccess);
  EXPECT_EQ(live().abandoned, 0U);
  fail_nth(call::cuda_stream_destroy, 1, lasting::once);
  cudaStreamDestroy(compute_);
  EXPECT_EQ(live().streams, 1U);
  EXPECT_EQ(read_vram(copies_), cudaErrorIllegalAddress);
  EXPECT_EQ(cudaStreamSynchronize(compute_), cudaSuccess);
}

TEST_F(cuda_standin_faults, can_hit_every_fallible_call) {
  for (std::size_t i = 0; i != call_kinds; ++i) {
    auto const kind = static_cast<call>(i);
    EXPECT_EQ(call_named(name_of(kind)), kind) << name_of(kind);
  }
  EXPECT_TRUE(fallible(call::cu_mem_unmap));
  EXPECT_FALSE(fallible(call::cuda_get_last_error));
}

TEST(cuda_fault_text, is_read_as_a_plan_or_refused) {
  auto const plan = parse_fault("cudaMalloc:3:for_ever:2");
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->only, call::cuda_malloc);
  EXPECT_EQ(plan->at_call, 3U);
  EXPECT_EQ(plan->how_long, lasting::for_ever);
  EXPECT_EQ(plan->code, cudaErrorMemoryAllocation);
  EXPECT_FALSE(parse_fault("any:1:sticky")->only);
  for (char const* const wrong : {"", "any", "any:0:once", "any:1:sometimes", "cudaNothing:1:once", "any:1:once:x"}) {
    EXPECT_FALSE(parse_fault(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace tierpager::cuda_standin
