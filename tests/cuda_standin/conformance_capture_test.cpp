// Stream capture, as the stand-in and the real runtime have it in common: see conformance_test.cpp.
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <thread>

namespace {

class cuda_capture : public testing::Test {
 protected:
  void SetUp() override {
    if (cudaFree(nullptr) != cudaSuccess) GTEST_SKIP() << "no GPU: CUDA finds none";
    for (cudaStream_t& each : streams_) ASSERT_EQ(cudaStreamCreateWithFlags(&each, cudaStreamNonBlocking), cudaSuccess);
    for (cudaEvent_t& each : events_) ASSERT_EQ(cudaEventCreateWithFlags(&each, cudaEventDisableTiming), cudaSuccess);
  }
  void TearDown() override {
    if (events_[1] == nullptr) return;
    for (cudaStream_t const each : streams_) {
      cudaStreamSynchronize(each);  // what was queued has run, and is not under way still when the program ends
      cudaStreamDestroy(each);
    }
    for (cudaEvent_t const each : events_) cudaEventDestroy(each);
    cudaGetLastError();
  }
  void begin(cudaStreamCaptureMode mode = cudaStreamCaptureModeThreadLocal) {
    ASSERT_EQ(cudaStreamBeginCapture(streams_[0], mode), cudaSuccess);
  }
  cudaError_t end() {
    cudaGraph_t graph = nullptr;
    cudaError_t const result = cudaStreamEndCapture(streams_[0], &graph);
    if (graph != nullptr) cudaGraphDestroy(graph);
    return result;
  }
  cudaStreamCaptureStatus status(cudaStream_t stream) {
    cudaStreamCaptureStatus found = cudaStreamCaptureStatusNone;
    EXPECT_EQ(cudaStreamIsCapturing(stream, &found), cudaSuccess);
    return found;
  }

  cudaStream_t streams_[2] = {};
  cudaEvent_t events_[2] = {};
};

TEST_F(cuda_capture, shows_while_it_lasts_and_runs_nothing) {
  EXPECT_EQ(status(streams_[0]), cudaStreamCaptureStatusNone);
  begin();
  EXPECT_EQ(status(streams_[0]), cudaStreamCaptureStatusActive);
  EXPECT_EQ(status(streams_[1]), cudaStreamCaptureStatusNone);
  bool ran = false;
  cudaLaunchHostFunc(
      streams_[0], [](void* flag) { *static_cast<bool*>(flag) = true; }, &ran);
  EXPECT_EQ(end(), cudaSuccess);
  EXPECT_EQ(status(streams_[0]), cudaStreamCaptureStatusNone);
  EXPECT_EQ(cudaStreamSynchronize(streams_[0]), cudaSuccess);
  EXPECT_FALSE(ran);
}

TEST_F(cuda_capture, is_invalidated_by_a_query_of_its_event) {
  begin(cudaStreamCaptureModeRelaxed);
  ASSERT_EQ(cudaEventRecord(events_[0], streams_[0]), cudaSuccess);
  EXPECT_EQ(cudaEventQuery(events_[0]), cudaErrorCapturedEvent);
  EXPECT_EQ(end(), cudaErrorStreamCaptureInvalidated);
}

TEST_F(cuda_capture, takes_in_a_stream_that_waits_for_its_event_until_that_is_joined) {
  begin();
  cudaEventRecord(events_[0], streams_[0]);
  ASSERT_EQ(cudaStreamWaitEvent(streams_[1], events_[0], 0), cudaSuccess);
  EXPECT_EQ(status(streams_[1]), cudaStreamCaptureStatusActive);
  cudaEventRecord(events_[1], streams_[1]);
  ASSERT_EQ(cudaStreamWaitEvent(streams_[0], events_[1], 0), cudaSuccess);
  EXPECT_EQ(end(), cudaSuccess);
  EXPECT_EQ(status(streams_[1]), cudaStreamCaptureStatusNone);
}

TEST_F(cuda_capture, fails_at_its_end_where_a_stream_was_not_joined) {
  begin();
  cudaEventRecord(events_[0], streams_[0]);
  cudaStreamWaitEvent(streams_[1], events_[0], 0);
  cudaLaunchHostFunc(
      streams_[1], [](void*) {}, nullptr);
  EXPECT_EQ(end(), cudaErrorStreamCaptureUnjoined);
  EXPECT_EQ(status(streams_[1]), cudaStreamCaptureStatusNone);
}

TEST_F(cuda_capture, fails_at_its_end_where_a_stream_went_on_after_it_was_joined) {
  begin();
  cudaEventRecord(events_[0], streams_[0]);
  cudaStreamWaitEvent(streams_[1], events_[0], 0);
  cudaEventRecord(events_[1], streams_[1]);
  cudaStreamWaitEvent(streams_[0], events_[1], 0);
  cudaLaunchHostFunc(
      streams_[1], [](void*) {}, nullptr);
  EXPECT_EQ(end(), cudaErrorStreamCaptureUnjoined);
}

TEST_F(cuda_capture, ends_on_the_thread_that_began_it) {
  begin();
  cudaError_t elsewhere = cudaSuccess;
  std::thread([&] { elsewhere = end(); }).join();
  EXPECT_EQ(elsewhere, cudaErrorStreamCaptureWrongThread);
  EXPECT_EQ(end(), cudaSuccess);
}

TEST_F(cuda_capture, survives_unsafe_calls_of_its_own_thread_in_relaxed_mode) {
  begin(cudaStreamCaptureModeGlobal);
  cudaStreamCaptureMode mode = cudaStreamCaptureModeRelaxed;
  cudaThreadExchangeStreamCaptureMode(&mode);
  void* memory = nullptr;
  EXPECT_EQ(cudaMalloc(&memory, 4096), cudaSuccess);
  EXPECT_EQ(cudaFree(memory), cudaSuccess);
  cudaThreadExchangeStreamCaptureMode(&mode);
  EXPECT_EQ(end(), cudaSuccess);
}

TEST_F(cuda_capture, is_invalidated_by_a_wait_for_work_outside) {
  ASSERT_EQ(cudaEventRecord(events_[1], streams_[1]), cudaSuccess);
  begin();
  EXPECT_EQ(cudaStreamWaitEvent(streams_[0], events_[1], 0), cudaErrorStreamCaptureIsolation);
  EXPECT_EQ(status(streams_[0]), cudaStreamCaptureStatusInvalidated);
  EXPECT_EQ(end(), cudaErrorStreamCaptureInvalidated);
}

TEST_F(cuda_capture, is_invalidated_when_its_stream_is_waited_for) {
  begin();
  EXPECT_EQ(cudaStreamSynchronize(streams_[0]), cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(end(), cudaErrorStreamCaptureInvalidated);
}

TEST_F(cuda_capture, that_is_global_is_invalidated_by_an_unsafe_call_of_another_thread) {
  begin(cudaStreamCaptureModeGlobal);
  cudaError_t result = cudaSuccess;
  std::thread([&result] {
    void* memory = nullptr;
    result = cudaMalloc(&memory, 4096);
    if (memory != nullptr) cudaFree(memory);
  }).join();
  EXPECT_EQ(result, cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(end(), cudaErrorStreamCaptureInvalidated);
}

TEST_F(cuda_capture, survives_unsafe_calls_of_a_thread_in_relaxed_mode) {
  begin(cudaStreamCaptureModeGlobal);
  cudaError_t result = cudaErrorUnknown;
  std::thread([&result] {
    cudaStreamCaptureMode mode = cudaStreamCaptureModeRelaxed;
    cudaThreadExchangeStreamCaptureMode(&mode);
    EXPECT_EQ(mode, cudaStreamCaptureModeGlobal);
    void* memory = nullptr;
    result = cudaMalloc(&memory, 4096);
    cudaFree(memory);
  }).join();
  EXPECT_EQ(result, cudaSuccess);
  EXPECT_EQ(end(), cudaSuccess);
}

TEST_F(cuda_capture, survives_unsafe_calls_of_other_threads_where_it_is_local_to_one) {
  begin(cudaStreamCaptureModeThreadLocal);
  cudaError_t result = cudaErrorUnknown;
  std::thread([&result] {
    void* memory = nullptr;
    result = cudaMalloc(&memory, 4096);
    cudaFree(memory);
  }).join();
  EXPECT_EQ(result, cudaSuccess);
  EXPECT_EQ(end(), cudaSuccess);
}

TEST_F(cuda_capture, of_the_legacy_stream_is_refused) {
  EXPECT_EQ(cudaStreamBeginCapture(cudaStreamLegacy, cudaStreamCaptureModeRelaxed), cudaErrorStreamCaptureUnsupported);
}

TEST_F(cuda_capture, of_a_blocking_stream_makes_the_legacy_stream_unusable) {
  cudaStream_t blocking = nullptr;
  cudaStreamCreateWithFlags(&blocking, cudaStreamDefault);
  ASSERT_EQ(cudaStreamBeginCapture(blocking, cudaStreamCaptureModeThreadLocal), cudaSuccess);
  cudaStreamCaptureStatus found = cudaStreamCaptureStatusNone;
  EXPECT_EQ(cudaStreamIsCapturing(cudaStreamLegacy, &found), cudaErrorStreamCaptureImplicit);
  EXPECT_EQ(cudaEventRecord(events_[0], cudaStreamLegacy), cudaErrorStreamCaptureImplicit);
  cudaGraph_t graph = nullptr;
  EXPECT_EQ(cudaStreamEndCapture(blocking, &graph), cudaErrorStreamCaptureInvalidated);
  cudaStreamDestroy(blocking);
}

}  // namespace
