// Rules of the stand-in that only the stand-in can show, and what its detector has to report.
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include <tests/cuda_standin/standin.hpp>

namespace tierpager::cuda_standin {
namespace {

constexpr std::uint64_t page = 4096;

bool seen(std::string_view what) {
  for (std::string const& one : violations()) {
    if (one.find(what) != std::string::npos) return true;
  }
  return false;
}

std::string all_seen() {
  std::string text;
  for (std::string const& one : violations()) text += one + "\n";
  return text;
}

/// Two streams, an event, page-locked and device memory of four pages.
class cuda_standin : public testing::Test {
 protected:
  cuda_standin() { start({}); }
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
  }
  cudaError_t copy_in(cudaStream_t stream) {
    return cudaMemcpyAsync(vram_, ram_, page, cudaMemcpyHostToDevice, stream);
  }
  cudaError_t read_vram(cudaStream_t stream) {
    return launch(
        stream, {{vram_, page, false}}, [] {}, "read");
  }

  cudaStream_t copies_ = nullptr;
  cudaStream_t compute_ = nullptr;
  cudaEvent_t event_ = nullptr;
  std::byte* ram_ = nullptr;
  std::byte* vram_ = nullptr;
};

TEST_F(cuda_standin, finds_nothing_where_an_event_orders_a_copy_and_its_reader) {
  std::memset(ram_, 7, page);
  host_access({ram_, page, true}, "source");
  copy_in(copies_);
  cudaEventRecord(event_, copies_);
  cudaStreamWaitEvent(compute_, event_, 0);
  std::byte first{};
  launch(
      compute_, {{vram_, page, false}}, [&] { first = *vram_; }, "read");
  EXPECT_EQ(cudaStreamSynchronize(compute_), cudaSuccess);
  EXPECT_EQ(first, std::byte{7});
  EXPECT_EQ(all_seen(), "");
}

TEST_F(cuda_standin, reports_a_wait_that_was_dropped) {
  copy_in(copies_);
  cudaEventRecord(event_, copies_);
  read_vram(compute_);
  EXPECT_TRUE(seen("race")) << all_seen();
}

TEST_F(cuda_standin, reports_staging_that_is_written_while_a_copy_reads_it) {
  copy_in(copies_);
  host_access({ram_ + page / 2, 1, true}, "source");
  EXPECT_TRUE(seen("race")) << all_seen();
}

TEST_F(cuda_standin, reports_memory_that_is_freed_in_flight) {
  copy_in(copies_);
  cudaFree(vram_);
  EXPECT_TRUE(seen("race: cudaFree")) << all_seen();
  run_all();
}

}  // namespace
}  // namespace tierpager::cuda_standin
