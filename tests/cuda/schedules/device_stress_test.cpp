// Real threads on the CUDA device, the stand-in's streams on a thread each: budgets that change under load, and a stream
// that is slow. Small, for ThreadSanitizer.
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include <tests/cuda_standin/standin.hpp>
#include <tests/support/pattern_model.hpp>
#include <tierpager/cuda_device.hpp>
#include <tierpager/pager.hpp>

namespace tierpager::schedules {
namespace {

constexpr std::uint64_t granule_bytes = 4096;
constexpr std::uint32_t tensors = 12;
constexpr std::uint64_t tensor_bytes = 3 * granule_bytes - 5;

class device_stress : public testing::Test {
 protected:
  device_stress() {
    cuda_standin::reset({.vram_bytes = std::uint64_t{16} << 20U, .granule_bytes = granule_bytes, .threads = true});
  }

  void open(std::uint64_t vram_bytes, std::uint64_t ram_bytes) {
    paged_.emplace(
        model_.tensors, model_.source, value_or_throw(cuda_device::open({.vram_granule_bytes_min = granule_bytes})),
        pager_options{
            .vram = bytes(vram_bytes), .ram = bytes(ram_bytes), .chunk_bytes = granule_bytes, .reader_threads = 2});
  }

  static cudaStream_t make_stream() {
    cudaStream_t made = nullptr;
    EXPECT_EQ(cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking), cudaSuccess);
    return made;
  }

  void read_on(cudaStream_t stream, handle const& held) {
    tensor_info const& tensor = model_.tensors[held.id()];
    auto const check = [this, &tensor, at = held.data()] {
      if (test::first_wrong_byte(tensor, {at, tensor.bytes}) != tensor.bytes) ++wrong_;
      ++kernels_;
    };
    EXPECT_EQ(cuda_standin::launch(stream, {{.at = held.data(), .bytes = held.size_bytes()}}, check, "reads a tensor"),
              cudaSuccess);
  }

  void retire(cudaStream_t stream) {
    paged_->retire_stream(stream);
    EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
    EXPECT_EQ(cudaStreamDestroy(stream), cudaSuccess);
  }

  void expect_gone() {
    paged_.reset();
    EXPECT_EQ(wrong_, 0U);
    EXPECT_EQ(cuda_standin::violations(), std::vector<std::string>{});
    EXPECT_EQ(cuda_standin::live().objects(), 0U);
    cuda_standin::reset({});  // joins the threads of the streams
  }

  test::pattern_model model_ = test::make_pattern_model(tensors, tensor_bytes);
  std::optional<pager> paged_;
  std::atomic<std::uint64_t> wrong_ = 0, kernels_ = 0;
};

TEST_F(device_stress, gives_memory_back_when_a_budget_shrinks_under_load_and_takes_it_again) {
  constexpr std::uint64_t full_bytes = 8 * 3 * granule_bytes;
  open(full_bytes, full_bytes);
  std::atomic<bool> over = false;
  std::vector<std::thread> callers;
  for (std::uint32_t caller = 0; caller < 4; ++caller)
    callers.emplace_back([&, caller] {
      cudaStream_t const stream = make_stream();
      for (std::uint32_t i = 0; !over || i < 20; ++i) {
        handle const held = paged_->acquire(tensor_id{(i * (1 + caller) + caller) % tensors}, stream);
        read_on(stream, held);
        if (i % 4 == 3) (void)cudaStreamSynchronize(stream);  // else kernels are queued faster than they run
      }
      retire(stream);
    });
  for (std::uint64_t round = 1; round <= 3; ++round) {
    while (kernels_ < 20 * round) std::this_thread::yield();
    for (std::uint64_t const bytes : {full_bytes / 2, full_bytes}) {
      budget_report const told = paged_->set_budget(tier::vram, tierpager::bytes(bytes));
      EXPECT_TRUE(told.effective_bytes <= full_bytes && told.pending_bytes <= full_bytes - bytes);
      while (paged_->stats().vram.effective_bytes != bytes) std::this_thread::yield();
      if (bytes < full_bytes) {
        EXPECT_LE(cuda_standin::live().vram_bytes, bytes);
      }
    }
  }
  over = true;
  for (std::thread& each : callers) each.join();
  EXPECT_GE(kernels_, 80U);
  expect_gone();
}

TEST_F(device_stress, does_not_wait_for_a_slow_stream_where_others_have_finished) {
  open(4 * 3 * granule_bytes, unlimited_bytes);
  cudaStream_t const slow = make_stream();
  cudaStream_t const fast = make_stream();
  cuda_standin::hold(slow);
  for (std::uint32_t i = 0; i < 2; ++i) read_on(slow, paged_->acquire(tensor_id{i}, slow));
  for (std::uint32_t i = 2; i < tensors; ++i) {  // each needs the place of another
    read_on(fast, paged_->acquire(tensor_id{i}, fast));
    EXPECT_EQ(cudaStreamSynchronize(fast), cudaSuccess);
  }
  cuda_standin::let_go(slow);
  retire(slow);
  retire(fast);
  EXPECT_EQ(kernels_, tensors);
  expect_gone();
}

}  // namespace
}  // namespace tierpager::schedules
