// What tests of the stand-in share: a world with two streams, an event, and four pages each of page-locked and device
// memory; and what the world has seen. One thread; the stand-in alone, never the real runtime.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <string_view>

#include <tests/cuda_standin/standin.hpp>

namespace tierpager::cuda_standin {

inline constexpr std::uint64_t page = 4096;

inline bool seen(std::string_view what) {
  for (std::string const& text : violations()) {
    if (text.find(what) != std::string::npos) return true;
  }
  return false;
}

inline std::string all_seen() {
  std::string text;
  for (std::string const& each : violations()) text += each + "\n";
  return text;
}

class cuda_standin_world : public testing::Test {
 protected:
  cuda_standin_world() { start({}); }
  ~cuda_standin_world() override {
    on_call({});
    reset({.threads = true});  // as the first world is: conformance tests may come next
  }

  void start(world_options const& options) {
    reset(options);
    cudaStreamCreateWithFlags(&copies_, cudaStreamNonBlocking);
    cudaStreamCreateWithFlags(&compute_, cudaStreamNonBlocking);
    cudaEventCreateWithFlags(&event_, cudaEventDisableTiming);
    void* base = nullptr;
    cudaHostAlloc(&base, 4 * page, cudaHostAllocDefault);
    ram_ = static_cast<std::byte*>(base);
    cudaMalloc(&base, 4 * page);
    vram_ = static_cast<std::byte*>(base);
    reset_counts();
  }
  cudaError_t copy_in(cudaStream_t stream) {
    return cudaMemcpyAsync(vram_, ram_, page, cudaMemcpyHostToDevice, stream);
  }
  cudaError_t read_vram(cudaStream_t stream) {
    return launch(
        stream, {{vram_, page, false}}, [this] { read_ = *vram_; }, "read");
  }
  static totals after_all() {
    run_all();
    return live();
  }

  cudaStream_t copies_ = nullptr;
  cudaStream_t compute_ = nullptr;
  cudaEvent_t event_ = nullptr;
  std::byte* ram_ = nullptr;
  std::byte* vram_ = nullptr;
  std::byte read_{};
};

}  // namespace tierpager::cuda_standin
