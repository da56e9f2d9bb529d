// Contexts of the stand-in: what creates one, what belongs to which, and what dies with it.
#include <cuda.h>

#include <tests/cuda_standin/standin_fixture.hpp>

namespace tierpager::cuda_standin {
namespace {

class cuda_standin_contexts : public cuda_standin_world {};

TEST_F(cuda_standin_contexts, has_one_primary_context_a_device_and_others_beside_it) {
  reset({.devices = 2, .context_bytes = 3 * page});
  EXPECT_FALSE(context_exists(0));
  std::size_t free_bytes = 0;
  std::size_t total_bytes = 0;
  int device = -1;
  EXPECT_EQ(cudaGetDevice(&device), cudaSuccess);
  EXPECT_FALSE(context_exists(0)) << "some calls create none";
  auto mode = cudaStreamCaptureModeRelaxed;
  EXPECT_EQ(cudaThreadExchangeStreamCaptureMode(&mode), cudaSuccess);
  EXPECT_TRUE(context_exists(0)) << "this one does, on whichever device is current";
  EXPECT_EQ(cudaMemGetInfo(&free_bytes, &total_bytes), cudaSuccess);
  EXPECT_EQ(total_bytes - free_bytes, 3 * page);
  cudaStream_t stream = nullptr;
  cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  enter_own_context(0);
  cudaEvent_t event = nullptr;
  cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
  EXPECT_EQ(cudaEventRecord(event, stream), cudaErrorInvalidResourceHandle);
  unsigned long long here = 0;
  unsigned long long there = 0;
  cudaStreamGetId(cudaStreamLegacy, &here);
  leave_context();
  cudaStreamGetId(cudaStreamLegacy, &there);
  EXPECT_NE(here, there);
  EXPECT_FALSE(context_exists(1));
  EXPECT_EQ(cudaSetDevice(1), cudaSuccess);
  EXPECT_TRUE(context_exists(1));
  kill_context(cudaErrorLaunchFailure, 1);
  EXPECT_EQ(cudaStreamQuery(cudaStreamLegacy), cudaErrorLaunchFailure);
  EXPECT_EQ(cudaSetDevice(0), cudaSuccess);
  EXPECT_EQ(cudaStreamQuery(cudaStreamLegacy), cudaSuccess) << "another device's context lives on";
}

TEST_F(cuda_standin_contexts, ends_a_primary_context_with_its_last_release) {
  reset({});
  void* found[2] = {};
  cudaGetDriverEntryPointByVersion("cuDevicePrimaryCtxRetain", &found[0], 12000, cudaEnableDefault, nullptr);
  cudaGetDriverEntryPointByVersion("cuDevicePrimaryCtxRelease", &found[1], 12000, cudaEnableDefault, nullptr);
  auto* const retain = reinterpret_cast<decltype(&cuDevicePrimaryCtxRetain)>(found[0]);
  auto* const release = reinterpret_cast<decltype(&cuDevicePrimaryCtxRelease)>(found[1]);
  CUcontext context = nullptr;
  EXPECT_EQ(retain(&context, 0), CUDA_SUCCESS);
  EXPECT_EQ(live().contexts, 1U);
  EXPECT_EQ(release(0), CUDA_SUCCESS);
  EXPECT_FALSE(context_exists(0));
  EXPECT_EQ(release(0), CUDA_ERROR_INVALID_CONTEXT);
  EXPECT_TRUE(seen("nobody retains the context"));
}

}  // namespace
}  // namespace tierpager::cuda_standin
