// Whole pagers on a GPU: every tensor is summed on the device, in the order of a stream, and held against what the model
// says.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include <cuda_runtime_api.h>

#include <tests/cuda_standin/park.hpp>
#include <tests/support/paged_reading.hpp>
#include <tierpager/checksum.hpp>

namespace tierpager::test {
namespace {

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20U;
constexpr std::uint64_t tensor_bytes = 3 * mebibyte + 40;  // two granules
constexpr std::uint64_t footprint_bytes = 4 * mebibyte;
constexpr std::uint32_t tensors = 24;
constexpr std::uint32_t callers = 4;
constexpr std::uint64_t result_bytes = 256;

class gpu_pager : public testing::Test {
 protected:
  gpu_pager() {
    for (tensor_info const& tensor : model_.tensors) {
      std::vector<std::byte> bytes(tensor.bytes);
      value_or_throw(model_.source->read(tensor.file, tensor.offset, bytes));
      checksum_accumulator sum;
      sum.add(bytes);
      expected_.push_back(sum.value());
    }
  }

  /// What one caller needs to sum a tensor on the device.
  [[nodiscard]] std::uint64_t scratch_bytes() const {
    return round_up(result_bytes + gpu_->checksum_scratch_bytes(), 256);
  }
  /// Room for `count` tensors, besides the scratch.
  [[nodiscard]] std::uint64_t room_for(std::uint64_t count) const {
    return round_up(callers * scratch_bytes(), gpu_->granule_bytes(tier::vram)) + count * footprint_bytes;
  }
  pager open(budget const& vram, budget const& ram) {
    return pager(model_.tensors, model_.source, gpu_,
                 {.vram = vram, .ram = ram, .chunk_bytes = mebibyte, .scratch_bytes = callers * scratch_bytes()});
  }
  void sum(pager& paged, handle const& held, stream_ref stream, std::uint32_t caller) {
    std::span<std::byte> const mine = paged.scratch().subspan(caller * scratch_bytes(), scratch_bytes());
    value_or_throw(gpu_->checksum_async(stream, std::span(held.data(), held.size_bytes()), mine.data(),
                                        mine.subspan(result_bytes)));
    if (value_or_throw(gpu_->read_back(stream, mine.data())) != expected_[index_of(held.id())]) ++wrong_;
  }
  void pass(pager& paged, stream_ref stream, std::uint32_t caller, std::uint32_t step) {
    for (std::uint32_t i = 0; i < tensors; ++i)
      sum(paged, paged.acquire(tensor_id{i * step % tensors}, stream), stream, caller);
  }

  pattern_model const model_ = make_pattern_model(tensors, tensor_bytes);
  std::shared_ptr<device> const gpu_ = value_or_throw(open_cuda_device(0));
  std::vector<std::uint64_t> expected_;
  std::atomic<std::uint64_t> wrong_ = 0;
};

TEST_F(gpu_pager, four_threads_get_the_right_bytes_of_a_model_four_times_the_budget) {
  watchdog const limit("four threads on a GPU");
  pager paged = open(bytes(room_for(tensors / 4)), bytes(tensors / 2 * footprint_bytes));
  {
    std::vector<std::jthread> threads;
    for (std::uint32_t caller = 0; caller < callers; ++caller) {
      threads.emplace_back([&, caller] {
        stream_ref const stream = value_or_throw(gpu_->make_stream());
        constexpr std::uint32_t steps[] = {1, 5, 7, 11};
        for (int round = 0; round < 3; ++round) pass(paged, stream, caller, steps[caller]);
      });
    }
  }
  EXPECT_EQ(wrong_, 0U);
  EXPECT_LE(paged.stats().vram.peak_bytes, room_for(tensors / 4));
}

TEST_F(gpu_pager, a_smaller_budget_gives_memory_back_to_the_driver_under_load) {
  if (!gpu_->can_remap(tier::vram)) GTEST_SKIP() << "this driver cannot give back memory piece by piece";
  watchdog const limit("a shrinking budget on a GPU");
  pager paged = open(bytes(room_for(tensors)), "unlimited");
  stream_ref const stream = value_or_throw(gpu_->make_stream());
  pass(paged, stream, 0, 1);
  std::uint64_t const free_before = value_or_throw(gpu_->free_vram_bytes());
  {
    std::jthread const load([&](std::stop_token const& over) {
      stream_ref const mine = value_or_throw(gpu_->make_stream());
      while (!over.stop_requested()) pass(paged, mine, 1, 5);
    });
    paged.set_budget(tier::vram, bytes(room_for(tensors / 2)));
    eventually([&] { return paged.stats().vram.effective_bytes <= room_for(tensors / 2); });
  }
  // Others may use the GPU too, so half of what went back is what this asks for.
  EXPECT_GE(value_or_throw(gpu_->free_vram_bytes()), free_before + tensors / 4 * footprint_bytes);
  paged.set_budget(tier::vram, bytes(room_for(tensors)));
  pass(paged, stream, 0, 1);
  EXPECT_EQ(wrong_, 0U);
}

TEST_F(gpu_pager, a_stream_that_is_held_up_does_not_hold_up_another_s_acquire) {
  watchdog const limit("an acquire beside a stream that is held up");
  pager paged = open(bytes(room_for(4)), "unlimited");
  stream_ref const blocked = value_or_throw(gpu_->make_stream());
  stream_ref const other = value_or_throw(gpu_->make_stream());
  pass(paged, other, 0, 1);
  cuda_standin::parked_stream parked;
  {
    handle const held = paged.acquire(tensor_id{0}, blocked);
    ASSERT_EQ(parked.park(static_cast<cudaStream_t>(blocked.get())), cudaSuccess);
  }
  for (std::uint32_t i = 1; i < 12; ++i) (void)paged.acquire(tensor_id{i}, other);
  parked.let_go();
  pass(paged, other, 0, 5);
  EXPECT_EQ(wrong_, 0U);
}

TEST_F(gpu_pager, a_capturing_stream_gets_what_is_resident_and_is_refused_a_miss) {
  pager paged = open(bytes(room_for(2)), "unlimited");
  cudaStream_t stream = nullptr;
  ASSERT_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
  sum(paged, paged.acquire(tensor_id{0}, stream), stream, 0);
  handle const held = paged.acquire(tensor_id{0}, stream);
  ASSERT_EQ(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal), cudaSuccess);
  EXPECT_EQ(code_of([&] { return paged.acquire(tensor_id{1}, stream); }), errc::would_wait);
  cudaGraph_t graph = nullptr;
  ASSERT_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);
  EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
  sum(paged, held, stream, 0);
  EXPECT_EQ(wrong_, 0U);
  paged.retire_stream(stream);
  EXPECT_EQ(cudaStreamDestroy(stream), cudaSuccess);
}

}  // namespace
}  // namespace tierpager::test
