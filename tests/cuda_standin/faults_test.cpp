// Calls that fail: which, for how long, and what a failed call leaves behind.
#include <cuda.h>

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
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);  // it does not ask the context; this does
  EXPECT_EQ(cudaStreamQuery(copies_), cudaErrorIllegalAddress);
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

template <class Function, class... Arguments>
void call_driver(char const* name, Arguments... arguments) {
  void* found = nullptr;
  cudaGetDriverEntryPointByVersion(name, &found, 12000, cudaEnableDefault, nullptr);
  if (found != nullptr) reinterpret_cast<Function*>(found)(arguments...);
}

/// Makes every fallible call at least once, whatever comes of it.
void call_everything(cudaStream_t stream, cudaEvent_t event) {
  int number = 0;
  std::size_t bytes = 0;
  unsigned long long id = 0;
  void* memory = nullptr;
  cudaStream_t made_stream = nullptr;
  cudaEvent_t made_event = nullptr;
  auto status = cudaStreamCaptureStatusNone;
  auto mode = cudaStreamCaptureModeGlobal;
  cudaGetDeviceCount(&number);
  cudaGetDevice(&number);
  cudaSetDevice(0);
  cudaDriverGetVersion(&number);
  cudaRuntimeGetVersion(&number);
  cudaDeviceGetAttribute(&number, cudaDevAttrIntegrated, 0);
  cudaMemGetInfo(&bytes, &bytes);
  cudaStreamCreateWithFlags(&made_stream, cudaStreamNonBlocking);
  cudaStreamDestroy(made_stream);
  cudaStreamGetId(stream, &id);
  cudaStreamIsCapturing(stream, &status);
  cudaStreamWaitEvent(stream, event, 0);
  cudaStreamSynchronize(stream);
  cudaEventCreateWithFlags(&made_event, cudaEventDisableTiming);
  cudaEventDestroy(made_event);
  cudaEventRecord(event, stream);
  cudaEventQuery(event);
  cudaMemcpyAsync(memory, memory, 0, cudaMemcpyDefault, stream);
  cudaHostRegister(&number, sizeof(number), cudaHostRegisterDefault);
  cudaHostUnregister(&number);
  cudaHostAlloc(&memory, 1, cudaHostAllocDefault);
  cudaFreeHost(memory);
  cudaMalloc(&memory, 1);
  cudaFree(memory);
  cudaThreadExchangeStreamCaptureMode(&mode);
  CUmemAllocationProp const properties{};
  CUmemAccessDesc const access{};
  CUdeviceptr base = 0;
  CUmemGenericAllocationHandle handle = 0;
  call_driver<decltype(cuMemGetAllocationGranularity)>("cuMemGetAllocationGranularity", &bytes, &properties,
                                                       CU_MEM_ALLOC_GRANULARITY_MINIMUM);
  call_driver<decltype(cuMemAddressReserve)>("cuMemAddressReserve", &base, page, 0U, 0U, 0U);
  call_driver<decltype(cuMemAddressFree)>("cuMemAddressFree", base, page);
  call_driver<decltype(cuMemCreate)>("cuMemCreate", &handle, page, &properties, 0U);
  call_driver<decltype(cuMemRelease)>("cuMemRelease", handle);
  call_driver<decltype(cuMemMap)>("cuMemMap", base, page, 0U, handle, 0U);
  call_driver<decltype(cuMemUnmap)>("cuMemUnmap", base, page);
  call_driver<decltype(cuMemSetAccess)>("cuMemSetAccess", base, page, &access, 1U);
  CUcontext context = nullptr;
  call_driver<decltype(cuDevicePrimaryCtxRetain)>("cuDevicePrimaryCtxRetain", &context, 0);
  call_driver<decltype(cuCtxPushCurrent)>("cuCtxPushCurrent", context);
  call_driver<decltype(cuCtxGetCurrent)>("cuCtxGetCurrent", &context);
  call_driver<decltype(cuStreamGetCtx)>("cuStreamGetCtx", stream, &context);
  call_driver<decltype(cuCtxPopCurrent)>("cuCtxPopCurrent", &context);
  call_driver<decltype(cuDevicePrimaryCtxRelease)>("cuDevicePrimaryCtxRelease", 0);
  call_driver<decltype(cuDeviceGet)>("cuDeviceGet", &number, 0);
  call_driver<decltype(cuDeviceGetAttribute)>("cuDeviceGetAttribute", &number, CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING,
                                              0);
}

TEST_F(cuda_standin_faults, can_hit_every_fallible_call_by_kind_and_by_number) {
  call_everything(copies_, event_);
  std::uint64_t const number_of_calls = fallible_calls();
  for (std::size_t i = 0; i != call_kinds; ++i) {
    auto const kind = static_cast<call>(i);
    EXPECT_EQ(call_named(name_of(kind)), kind) << name_of(kind);
    if (!fallible(kind)) continue;
    start({});
    fail_nth(kind, 1, lasting::once);
    call_everything(copies_, event_);
    EXPECT_EQ(failed_calls(), 1U) << name_of(kind);
  }
  for (std::uint64_t n = 1; n <= number_of_calls; ++n) {
    start({});
    fail_nth(n, lasting::once);
    call_everything(copies_, event_);
    EXPECT_EQ(failed_calls(), 1U) << n;
  }
}

TEST_F(cuda_standin_faults, leave_memory_mapped_that_was_to_be_unmapped) {
  start({.granule_bytes = page});
  CUmemAllocationProp properties{};
  properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  CUdeviceptr base = 0;
  CUmemGenericAllocationHandle handle = 0;
  call_driver<decltype(cuMemAddressReserve)>("cuMemAddressReserve", &base, page, 0U, 0U, 0U);
  call_driver<decltype(cuMemCreate)>("cuMemCreate", &handle, page, &properties, 0U);
  call_driver<decltype(cuMemMap)>("cuMemMap", base, page, 0U, handle, 0U);
  call_driver<decltype(cuMemRelease)>("cuMemRelease", handle);
  EXPECT_EQ(live().mappings, 1U);
  fail_nth(call::cu_mem_unmap, 1, lasting::once);
  call_driver<decltype(cuMemUnmap)>("cuMemUnmap", base, page);
  EXPECT_EQ(live().mappings, 0U);
  EXPECT_EQ(live().abandoned, 2U);  // the mapping, and the memory that it alone keeps
  call_driver<decltype(cuMemUnmap)>("cuMemUnmap", base, page);
  EXPECT_EQ(live().abandoned, 0U);
  EXPECT_EQ(live().vram_bytes, 4 * page);
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
