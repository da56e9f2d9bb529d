// What the stand-in and the real runtime have in common, by CUDA calls alone: the same file is linked with either. Without
// a device its tests are skipped. Streams run by themselves here; a gate holds one back.
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include <tests/cuda_standin/park.hpp>

namespace {

/// Occupies a stream, once it gets there, until opened. Declared before what it blocks is used; opens at its end.
class gate {
 public:
  gate() = default;
  gate(gate const&) = delete;
  gate& operator=(gate const&) = delete;
  ~gate() { open(); }

  void block(cudaStream_t stream) {
    EXPECT_EQ(parked_.park(stream), cudaSuccess);
    blocked_.push_back(stream);
  }
  void open() {
    parked_.let_go();
    for (cudaStream_t const stream : blocked_) cudaStreamSynchronize(stream);
    blocked_.clear();
  }
  /// For a stream that is destroyed before the gate opens.
  void open_without_waiting() {
    parked_.let_go();
    blocked_.clear();
  }

 private:
  tierpager::cuda_standin::parked_stream parked_;
  std::vector<cudaStream_t> blocked_;
};

void set(cudaStream_t stream, std::atomic<bool>& flag) {
  auto const raise = [](void* each) { static_cast<std::atomic<bool>*>(each)->store(true); };
  EXPECT_EQ(cudaLaunchHostFunc(stream, raise, &flag), cudaSuccess);
}

class cuda_conformance : public testing::Test {
 protected:
  static constexpr std::size_t page = 4096;

  void SetUp() override {
    int devices = 0;
    if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) GTEST_SKIP() << "no GPU: CUDA finds none";
    for (cudaStream_t& stream : streams_)
      ASSERT_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
    ASSERT_EQ(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), cudaSuccess);
    ASSERT_EQ(cudaHostAlloc(&ram_, 2 * page, cudaHostAllocDefault), cudaSuccess);
    ASSERT_EQ(cudaMalloc(&vram_, 2 * page), cudaSuccess);
  }
  void TearDown() override {
    if (event_ == nullptr) return;
    for (cudaStream_t const stream : streams_) {
      if (stream != nullptr) cudaStreamDestroy(stream);
    }
    cudaEventDestroy(event_);
    cudaFreeHost(ram_);
    cudaFree(vram_);
    cudaGetLastError();
  }

  cudaStream_t streams_[3] = {};
  cudaEvent_t event_ = nullptr;
  void* ram_ = nullptr;
  void* vram_ = nullptr;
};

TEST_F(cuda_conformance, an_event_never_recorded_has_passed_and_holds_nothing_back) {
  EXPECT_EQ(cudaEventQuery(event_), cudaSuccess);
  EXPECT_EQ(cudaStreamWaitEvent(streams_[0], event_, 0), cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(streams_[0]), cudaSuccess);
}

TEST_F(cuda_conformance, an_event_passes_once_the_work_before_it_is_done) {
  gate closed;
  closed.block(streams_[0]);
  ASSERT_EQ(cudaEventRecord(event_, streams_[0]), cudaSuccess);
  EXPECT_EQ(cudaEventQuery(event_), cudaErrorNotReady);
  closed.open();
  EXPECT_EQ(cudaEventQuery(event_), cudaSuccess);
}

TEST_F(cuda_conformance, a_stream_that_waits_for_an_event_stands_still_until_it_passes) {
  gate closed;
  std::atomic<bool> ran = false;
  closed.block(streams_[0]);
  cudaEventRecord(event_, streams_[0]);
  ASSERT_EQ(cudaStreamWaitEvent(streams_[1], event_, 0), cudaSuccess);
  set(streams_[1], ran);
  cudaEvent_t behind = nullptr;
  cudaEventCreateWithFlags(&behind, cudaEventDisableTiming);
  cudaEventRecord(behind, streams_[1]);
  EXPECT_EQ(cudaEventQuery(behind), cudaErrorNotReady);
  EXPECT_FALSE(ran);
  closed.open();
  EXPECT_EQ(cudaStreamSynchronize(streams_[1]), cudaSuccess);
  EXPECT_TRUE(ran);
  cudaEventDestroy(behind);
}

TEST_F(cuda_conformance, a_wait_keeps_the_record_it_was_made_on) {
  gate closed;
  cudaEventRecord(event_, streams_[0]);
  cudaStreamWaitEvent(streams_[1], event_, 0);
  closed.block(streams_[2]);
  cudaEventRecord(event_, streams_[2]);  // again, elsewhere
  EXPECT_EQ(cudaStreamSynchronize(streams_[1]), cudaSuccess);
  EXPECT_EQ(cudaEventQuery(event_), cudaErrorNotReady);
}

TEST_F(cuda_conformance, an_event_may_be_destroyed_before_it_passes) {
  gate closed;
  cudaEvent_t gone = nullptr;
  cudaEventCreateWithFlags(&gone, cudaEventDisableTiming);
  closed.block(streams_[0]);
  cudaEventRecord(gone, streams_[0]);
  cudaStreamWaitEvent(streams_[1], gone, 0);
  EXPECT_EQ(cudaEventDestroy(gone), cudaSuccess);
  closed.open();
  EXPECT_EQ(cudaStreamSynchronize(streams_[1]), cudaSuccess);
}

TEST_F(cuda_conformance, a_destroyed_stream_completes_its_work) {
  gate closed;
  std::atomic<bool> ran = false;
  cudaStream_t gone = nullptr;
  cudaStreamCreateWithFlags(&gone, cudaStreamNonBlocking);
  closed.block(gone);
  set(gone, ran);
  cudaEventRecord(event_, gone);
  EXPECT_EQ(cudaStreamDestroy(gone), cudaSuccess);
  EXPECT_FALSE(ran);
  closed.open_without_waiting();
  while (cudaEventQuery(event_) == cudaErrorNotReady) std::this_thread::yield();
  EXPECT_TRUE(ran);
}

TEST_F(cuda_conformance, the_legacy_stream_holds_back_blocking_streams_only) {
  gate closed;
  cudaStream_t blocking = nullptr;
  cudaStreamCreateWithFlags(&blocking, cudaStreamDefault);
  std::atomic<bool> ran = false;
  std::atomic<bool> free_ran = false;
  closed.block(cudaStreamLegacy);
  set(blocking, ran);
  cudaEventRecord(event_, blocking);
  set(streams_[0], free_ran);
  EXPECT_EQ(cudaStreamSynchronize(streams_[0]), cudaSuccess);
  EXPECT_TRUE(free_ran);
  EXPECT_EQ(cudaEventQuery(event_), cudaErrorNotReady);
  EXPECT_FALSE(ran);
  closed.open();
  EXPECT_EQ(cudaStreamSynchronize(blocking), cudaSuccess);
  EXPECT_TRUE(ran);
  cudaStreamDestroy(blocking);
}

TEST_F(cuda_conformance, the_legacy_stream_waits_for_blocking_streams) {
  gate closed;
  cudaStream_t blocking = nullptr;
  cudaStreamCreateWithFlags(&blocking, cudaStreamDefault);
  closed.block(blocking);
  cudaEventRecord(event_, nullptr);
  EXPECT_EQ(cudaEventQuery(event_), cudaErrorNotReady);
  closed.open();
  EXPECT_EQ(cudaStreamSynchronize(nullptr), cudaSuccess);
  EXPECT_EQ(cudaEventQuery(event_), cudaSuccess);
  cudaStreamDestroy(blocking);
}

TEST_F(cuda_conformance, every_stream_has_an_id_of_its_own) {
  std::vector<unsigned long long> ids(4);
  for (unsigned long long& id : ids) {
    cudaStream_t stream = nullptr;
    cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
    EXPECT_EQ(cudaStreamGetId(stream, &id), cudaSuccess);
    cudaStreamDestroy(stream);  // the next may get its handle
  }
  for (std::size_t i = 1; i != ids.size(); ++i) EXPECT_NE(ids[i], ids[i - 1]);
}

TEST_F(cuda_conformance, the_per_thread_stream_of_another_thread_is_another) {
  unsigned long long here = 0;
  unsigned long long there = 0;
  EXPECT_EQ(cudaStreamGetId(cudaStreamPerThread, &here), cudaSuccess);
  std::thread([&there] { cudaStreamGetId(cudaStreamPerThread, &there); }).join();
  EXPECT_NE(here, there);
}

TEST_F(cuda_conformance, a_copy_from_page_locked_memory_reads_it_when_it_runs) {
  gate closed;
  std::memset(ram_, 1, page);
  closed.block(streams_[0]);
  ASSERT_EQ(cudaMemcpyAsync(vram_, ram_, page, cudaMemcpyHostToDevice, streams_[0]), cudaSuccess);
  std::memset(ram_, 2, page);
  closed.open();
  std::vector<char> back(page);
  ASSERT_EQ(cudaMemcpyAsync(back.data(), vram_, page, cudaMemcpyDeviceToHost, streams_[0]), cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(streams_[0]), cudaSuccess);
  EXPECT_EQ(back.back(), 2);
}

TEST_F(cuda_conformance, a_copy_from_pageable_memory_has_read_it_when_it_returns) {
  std::vector<char> pageable(page, 1);
  ASSERT_EQ(cudaMemcpyAsync(vram_, pageable.data(), page, cudaMemcpyHostToDevice, streams_[0]), cudaSuccess);
  std::memset(pageable.data(), 2, page);
  ASSERT_EQ(cudaMemcpyAsync(ram_, vram_, page, cudaMemcpyDeviceToHost, streams_[0]), cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(streams_[0]), cudaSuccess);
  EXPECT_EQ(static_cast<char*>(ram_)[page - 1], 1);
}

TEST_F(cuda_conformance, a_copy_into_pageable_memory_is_complete_when_it_returns) {
  std::memset(ram_, 3, page);
  std::vector<char> pageable(page, 0);
  cudaMemcpyAsync(vram_, ram_, page, cudaMemcpyHostToDevice, streams_[0]);
  ASSERT_EQ(cudaMemcpyAsync(pageable.data(), vram_, page, cudaMemcpyDeviceToHost, streams_[0]), cudaSuccess);
  EXPECT_EQ(pageable.back(), 3);
}

class cuda_registration : public cuda_conformance {
 protected:
  void SetUp() override {
    cuda_conformance::SetUp();
    int supported = 0;
    cudaDeviceGetAttribute(&supported, cudaDevAttrHostRegisterSupported, 0);
    if (!IsSkipped() && supported == 0) GTEST_SKIP() << "no cudaHostRegister";
    base_ = static_cast<char*>(std::aligned_alloc(page, 4 * page));
    std::memset(base_, 0, 4 * page);
  }
  void TearDown() override {
    cuda_conformance::TearDown();
    std::free(base_);
  }
  char* base_ = nullptr;
};

TEST_F(cuda_registration, takes_no_page_twice) {
  ASSERT_EQ(cudaHostRegister(base_, 2 * page, cudaHostRegisterDefault), cudaSuccess);
  EXPECT_EQ(cudaHostRegister(base_ + page, 2 * page, cudaHostRegisterDefault), cudaErrorHostMemoryAlreadyRegistered);
  EXPECT_EQ(cudaHostUnregister(base_), cudaSuccess);
}

TEST_F(cuda_registration, ends_by_its_base_and_once) {
  EXPECT_EQ(cudaHostUnregister(base_), cudaErrorHostMemoryNotRegistered);
  ASSERT_EQ(cudaHostRegister(base_, page, cudaHostRegisterDefault), cudaSuccess);
  EXPECT_EQ(cudaHostUnregister(base_), cudaSuccess);
  EXPECT_EQ(cudaHostUnregister(base_), cudaErrorHostMemoryNotRegistered);
}

TEST_F(cuda_registration, covers_a_copy_wholly_or_the_copy_fails) {
  ASSERT_EQ(cudaHostRegister(base_, page, cudaHostRegisterDefault), cudaSuccess);
  EXPECT_EQ(cudaMemcpyAsync(vram_, base_, 2 * page, cudaMemcpyHostToDevice, streams_[0]), cudaErrorInvalidValue);
  EXPECT_EQ(cudaHostUnregister(base_), cudaSuccess);
  ASSERT_EQ(cudaHostRegister(base_ + page, page, cudaHostRegisterDefault), cudaSuccess);
  EXPECT_EQ(cudaMemcpyAsync(vram_, base_, 2 * page, cudaMemcpyHostToDevice, streams_[0]), cudaErrorInvalidValue);
  EXPECT_EQ(cudaHostUnregister(base_ + page), cudaSuccess);
}

TEST_F(cuda_conformance, nothing_may_be_freed) {
  EXPECT_EQ(cudaFree(nullptr), cudaSuccess);
  EXPECT_EQ(cudaFreeHost(nullptr), cudaSuccess);
}

TEST_F(cuda_conformance, an_allocation_larger_than_the_memory_fails) {
  std::size_t free_bytes = 0;
  std::size_t total_bytes = 0;
  ASSERT_EQ(cudaMemGetInfo(&free_bytes, &total_bytes), cudaSuccess);
  void* none = nullptr;
  EXPECT_EQ(cudaMalloc(&none, total_bytes + page), cudaErrorMemoryAllocation);
}

TEST_F(cuda_conformance, a_device_out_of_range_is_invalid) {
  int devices = 0;
  cudaGetDeviceCount(&devices);
  EXPECT_EQ(cudaSetDevice(devices), cudaErrorInvalidDevice);
  int current = -1;
  EXPECT_EQ(cudaGetDevice(&current), cudaSuccess);
  EXPECT_EQ(current, 0);
}

TEST_F(cuda_conformance, the_last_error_is_kept_until_it_is_got_and_belongs_to_its_thread) {
  cudaSetDevice(-1);
  EXPECT_EQ(cudaPeekAtLastError(), cudaErrorInvalidDevice);
  cudaError_t elsewhere = cudaErrorUnknown;
  std::thread([&elsewhere] { elsewhere = cudaPeekAtLastError(); }).join();
  EXPECT_EQ(elsewhere, cudaSuccess);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidDevice);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
}

TEST_F(cuda_conformance, a_driver_function_that_does_not_exist_is_not_found) {
  void* function = this;
  cudaDriverEntryPointQueryResult status = cudaDriverEntryPointSuccess;
  EXPECT_EQ(cudaGetDriverEntryPointByVersion("cuNoSuchFunction", &function, 12000, cudaEnableDefault, &status),
            cudaSuccess);
  EXPECT_EQ(function, nullptr);
  EXPECT_EQ(status, cudaDriverEntryPointSymbolNotFound);
  cudaGetDriverEntryPointByVersion("cuMemMap", &function, 10000, cudaEnableDefault, &status);
  EXPECT_EQ(status, cudaDriverEntryPointVersionNotSufficent);
}

}  // namespace
