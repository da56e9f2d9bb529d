// Misuse planted on purpose: the stand-in has to report each, and nothing where all is ordered.
#include <cuda.h>

#include <tests/cuda_standin/standin_fixture.hpp>

namespace tierpager::cuda_standin {
namespace {

class cuda_standin_detector : public cuda_standin_world {
 protected:
  /// A page that is mapped, and may be used.
  CUdeviceptr map_a_page(bool accessible = true) {
    CUmemAllocationProp properties{};
    properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
    properties.location = {CU_MEM_LOCATION_TYPE_DEVICE, 0};
    CUmemAccessDesc const both{properties.location, CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
    CUdeviceptr base = 0;
    CUmemGenericAllocationHandle handle = 0;
    driver<decltype(cuMemAddressReserve)>("cuMemAddressReserve")(&base, page, 0, 0, 0);
    driver<decltype(cuMemCreate)>("cuMemCreate")(&handle, page, &properties, 0);
    driver<decltype(cuMemMap)>("cuMemMap")(base, page, 0, handle, 0);
    driver<decltype(cuMemRelease)>("cuMemRelease")(handle);
    if (accessible) driver<decltype(cuMemSetAccess)>("cuMemSetAccess")(base, page, &both, 1);
    return base;
  }
  template <class Function>
  static Function* driver(char const* name) {
    void* found = nullptr;
    cudaGetDriverEntryPointByVersion(name, &found, 12000, cudaEnableDefault, nullptr);
    return reinterpret_cast<Function*>(found);
  }
};

TEST_F(cuda_standin_detector, finds_nothing_where_an_event_orders_a_copy_and_its_reader) {
  std::memset(ram_, 7, page);
  host_access({ram_, page, true}, "source");
  copy_in(copies_);
  cudaEventRecord(event_, copies_);
  cudaStreamWaitEvent(compute_, event_, 0);
  read_vram(compute_);
  EXPECT_EQ(cudaStreamSynchronize(compute_), cudaSuccess);
  EXPECT_EQ(read_, std::byte{7});
  host_access({ram_, page, true}, "source");  // the copy is done, as the host learned through the other stream
  EXPECT_EQ(all_seen(), "");
}

TEST_F(cuda_standin_detector, finds_nothing_where_the_host_saw_the_event_pass) {
  copy_in(copies_);
  cudaEventRecord(event_, copies_);
  run_all();
  EXPECT_EQ(cudaEventQuery(event_), cudaSuccess);
  host_access({ram_, page, true}, "source");
  read_vram(compute_);
  EXPECT_EQ(all_seen(), "");
}

TEST_F(cuda_standin_detector, finds_nothing_where_two_streams_read) {
  cudaStreamSynchronize(copies_);
  read_vram(copies_);
  read_vram(compute_);
  EXPECT_EQ(all_seen(), "");
}

TEST_F(cuda_standin_detector, reports_a_wait_that_was_dropped) {
  copy_in(copies_);
  cudaEventRecord(event_, copies_);
  run_all();  // no byte goes wrong
  read_vram(compute_);
  EXPECT_TRUE(seen("race: launch 'read'")) << all_seen();
}

TEST_F(cuda_standin_detector, reports_work_that_nobody_asked_the_event_about) {
  copy_in(copies_);
  cudaEventRecord(event_, copies_);
  run_all();  // done, but the host cannot know
  host_access({ram_, 1, true}, "source");
  EXPECT_TRUE(seen("race: the CPU 'source'")) << all_seen();
}

TEST_F(cuda_standin_detector, reports_staging_that_is_written_while_a_copy_reads_it) {
  copy_in(copies_);
  host_access({ram_ + page / 2, 1, true}, "source");
  EXPECT_TRUE(seen("bytes [2048, 2049)")) << all_seen();
}

TEST_F(cuda_standin_detector, reports_nothing_of_bytes_beside_each_other) {
  copy_in(copies_);
  host_access({ram_ + page, page, true}, "source");
  launch(
      compute_, {{vram_ + page, page, true}}, [] {}, "write");
  EXPECT_EQ(all_seen(), "");
}

TEST_F(cuda_standin_detector, reports_one_event_for_two_streams) {
  read_vram(compute_);
  cudaEventRecord(event_, compute_);
  cudaEventRecord(event_, copies_);  // the first record is lost to later waits
  cudaStream_t third = nullptr;
  cudaStreamCreateWithFlags(&third, cudaStreamNonBlocking);
  cudaStreamWaitEvent(third, event_, 0);
  copy_in(third);
  EXPECT_TRUE(seen("race")) << all_seen();
}

TEST_F(cuda_standin_detector, reports_a_read_that_only_an_older_reader_was_waited_for) {
  read_vram(compute_);
  cudaEventRecord(event_, compute_);
  read_vram(compute_);  // after the record
  cudaStreamWaitEvent(copies_, event_, 0);
  copy_in(copies_);
  EXPECT_TRUE(seen("race: cudaMemcpyAsync")) << all_seen();
}

TEST_F(cuda_standin_detector, reports_each_of_two_readers_that_a_write_does_not_wait_for) {
  read_vram(compute_);
  cudaStream_t third = nullptr;
  cudaStreamCreateWithFlags(&third, cudaStreamNonBlocking);
  read_vram(third);
  copy_in(copies_);
  EXPECT_EQ(violations().size(), 2U) << all_seen();
}

TEST_F(cuda_standin_detector, reports_memory_that_is_freed_in_flight) {
  copy_in(copies_);
  EXPECT_EQ(cudaFree(vram_), cudaSuccess);
  EXPECT_TRUE(seen("race: cudaFree")) << all_seen();
  void* memory = nullptr;
  ASSERT_EQ(cudaMalloc(&memory, 4 * page), cudaSuccess);
  EXPECT_EQ(memory, vram_) << "the test needs the same memory again";
  std::memset(ram_, 1, page);
  run_all();
  EXPECT_EQ(vram_[0], vram_[4 * page - 1]) << "the copy touched what is not its memory any more";
}

TEST_F(cuda_standin_detector, reports_page_locked_memory_that_is_freed_in_flight) {
  copy_in(copies_);
  EXPECT_EQ(cudaFreeHost(ram_), cudaSuccess);
  EXPECT_TRUE(seen("race: cudaFreeHost")) << all_seen();
  run_all();
}

TEST_F(cuda_standin_detector, reports_an_unregistration_in_flight) {
  alignas(page) static std::byte memory[page];
  ASSERT_EQ(cudaHostRegister(memory, page, cudaHostRegisterDefault), cudaSuccess);
  cudaMemcpyAsync(vram_, memory, page, cudaMemcpyHostToDevice, copies_);
  EXPECT_EQ(cudaHostUnregister(memory), cudaSuccess);
  EXPECT_TRUE(seen("race: cudaHostUnregister")) << all_seen();
}

TEST_F(cuda_standin_detector, reports_an_unmapping_in_flight) {
  start({.granule_bytes = page});
  CUdeviceptr const mapped = map_a_page();
  ASSERT_EQ(cudaMemcpyAsync(reinterpret_cast<void*>(mapped), ram_, page, cudaMemcpyDefault, copies_), cudaSuccess);
  EXPECT_EQ(driver<decltype(cuMemUnmap)>("cuMemUnmap")(mapped, page), CUDA_SUCCESS);
  EXPECT_TRUE(seen("race: cuMemUnmap")) << all_seen();
}

TEST_F(cuda_standin_detector, reports_work_on_mappings_without_access_and_on_those_that_are_gone) {
  start({.granule_bytes = page});
  CUdeviceptr const mapped = map_a_page(false);
  auto const copy_to_it = [&] {
    return cudaMemcpyAsync(reinterpret_cast<void*>(mapped), ram_, page, cudaMemcpyDefault, copies_);
  };
  EXPECT_EQ(copy_to_it(), cudaErrorInvalidValue);
  EXPECT_EQ(violations().size(), 1U) << all_seen();
  driver<decltype(cuMemUnmap)>("cuMemUnmap")(mapped, page);
  EXPECT_EQ(copy_to_it(), cudaErrorInvalidValue);
  EXPECT_EQ(violations().size(), 2U) << all_seen();
}

TEST_F(cuda_standin_detector, reports_work_on_memory_that_is_gone) {
  cudaFree(vram_);
  EXPECT_EQ(copy_in(copies_), cudaErrorInvalidValue);
  EXPECT_EQ(read_vram(compute_), cudaErrorIllegalAddress);
  EXPECT_EQ(violations().size(), 2U) << all_seen();
}

TEST_F(cuda_standin_detector, reports_kernels_that_touch_pageable_memory) {
  std::byte pageable{};
  launch(
      compute_, {{&pageable, 1, false}}, [] {}, "read");
  EXPECT_TRUE(seen("pageable memory")) << all_seen();
}

TEST_F(cuda_standin_detector, reports_the_cpu_in_device_memory) {
  host_access({vram_, 1, false}, "peek");
  EXPECT_TRUE(seen("the CPU touches device memory")) << all_seen();
}

TEST_F(cuda_standin_detector, reports_handles_that_are_gone) {
  cudaStreamDestroy(copies_);
  cudaEventDestroy(event_);
  EXPECT_EQ(copy_in(copies_), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cudaEventRecord(event_, compute_), cudaErrorInvalidResourceHandle);
  EXPECT_TRUE(seen("cudaMemcpyAsync: the stream is destroyed")) << all_seen();
  EXPECT_TRUE(seen("cudaEventRecord: the event is destroyed")) << all_seen();
}

TEST_F(cuda_standin_detector, reports_memory_that_is_freed_twice) {
  cudaFree(vram_);
  EXPECT_EQ(cudaFree(vram_), cudaErrorInvalidValue);
  EXPECT_TRUE(seen("cudaFree: not the base")) << all_seen();
}

TEST_F(cuda_standin_detector, reports_a_budget_that_is_exceeded_for_a_moment) {
  limit_bytes(5 * page, 5 * page);
  void* more = nullptr;
  cudaMalloc(&more, page);
  EXPECT_EQ(all_seen(), "");
  void* too_much = nullptr;
  cudaMalloc(&too_much, 1);
  cudaFree(too_much);
  EXPECT_TRUE(seen("bytes of VRAM")) << all_seen();
  EXPECT_EQ(live().peak_vram_bytes, 5 * page + 1);
  cudaHostAlloc(&more, 2 * page, cudaHostAllocDefault);
  EXPECT_TRUE(seen("bytes page-locked")) << all_seen();
}

TEST_F(cuda_standin_detector, reports_an_operation_that_calls_cuda) {
  launch(
      compute_, {}, [this] { cudaEventQuery(event_); }, "calls");
  run_all();
  EXPECT_TRUE(seen("CUDA is called by an operation")) << all_seen();
}

TEST_F(cuda_standin_detector, reports_captures_that_a_pager_breaks_or_enters) {
  begin_capture(compute_, cudaStreamCaptureModeGlobal);
  void* memory = nullptr;
  EXPECT_EQ(cudaMalloc(&memory, page), cudaErrorStreamCaptureUnsupported);
  EXPECT_TRUE(seen("capture invalidated by cudaMalloc")) << all_seen();
  EXPECT_EQ(end_capture(compute_), cudaErrorStreamCaptureInvalidated);

  begin_capture(compute_, cudaStreamCaptureModeRelaxed);
  cudaEventRecord(event_, compute_);
  cudaStreamWaitEvent(copies_, event_, 0);
  EXPECT_EQ(end_capture(compute_), cudaErrorStreamCaptureUnjoined);
  EXPECT_TRUE(seen("capture broken")) << all_seen();
}

}  // namespace
}  // namespace tierpager::cuda_standin
