// A stream that is retired and destroyed by one thread while another thread releases what was used on it.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <latch>
#include <thread>

#include <tests/cuda_standin/standin.hpp>
#include <tests/support/paged_reading.hpp>
#include <tests/support/pattern_model.hpp>
#include <tierpager/cuda_device.hpp>
#include <tierpager/pager.hpp>

namespace tierpager::test {
namespace {

using cuda_standin::call;

constexpr std::uint64_t tensor_bytes = 65'536;
constexpr std::uint32_t tensors = 6;

cudaStream_t made_stream() {
  cudaStream_t made = nullptr;
  EXPECT_EQ(cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking), cudaSuccess);
  return made;
}

struct retirement : testing::TestWithParam<std::uint64_t> {
  void SetUp() override { cuda_standin::reset({.seed = GetParam(), .threads = true}); }
  void TearDown() override {
    cuda_standin::on_call({});
    for (std::string const& each : cuda_standin::violations()) ADD_FAILURE() << each;
    cuda_standin::reset({});
  }
  watchdog const limit{"retirement"};
  pattern_model const model = make_pattern_model(tensors, tensor_bytes);
};

// What a thread that queued the last work on the stream may do once it has: the other thread only ends the use. It is stopped
// at its first CUDA call, where it has seen no retirement, until the retirement has begun.
TEST_P(retirement, waits_for_the_releases_that_record_on_the_stream) {
  cudaStream_t fresh = nullptr;
  std::function<void()> retire;
  std::thread retirer;
  std::atomic<bool> armed = false;
  std::atomic<std::thread::id> releaser{};
  cuda_standin::on_call([&](call kind) {
    if (kind != call::cuda_stream_get_id || std::this_thread::get_id() != releaser.load() || !armed.exchange(false))
      return;
    retirer = std::thread(retire);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  });
  auto on = std::shared_ptr<device>(value_or_throw(cuda_device::open({.vram_granule_bytes_min = tensor_bytes})));
  pager paged(model.tensors, model.source, on, {.vram = bytes(2 * tensor_bytes), .ram = "unlimited"});
  cudaStream_t const mine = made_stream();
  cudaStream_t const other = made_stream();
  std::latch gate(1);
  handle held = paged.acquire(tensor_id{0}, mine);
  ASSERT_EQ(cuda_standin::launch(
                mine, {{held.data(), held.size_bytes(), false}}, [&] { gate.wait(); }, "the user's kernel"),
            cudaSuccess);

  retire = [&] {
    paged.retire_stream(mine);
    cudaStreamDestroy(mine);
    fresh = made_stream();  // for something else; may lie where the old one did
  };
  std::thread([&] {
    releaser = std::this_thread::get_id();
    armed = true;
    held.release();
  }).join();
  retirer.join();

  for (std::uint32_t i = 1; i < tensors; ++i) (void)paged.acquire(tensor_id{i}, other);  // may evict tensor 0
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  gate.count_down();
  for (cudaStream_t const each : {fresh, other}) {
    cudaStreamSynchronize(each);
    paged.retire_stream(each);
  }
  paged.close();
  cudaStreamDestroy(other);
  cudaStreamDestroy(fresh);
}

// The retirement is stopped while it records, and the release begins. It takes the retirement's fence and makes no call with the
// stream, which the other thread destroys while such a call would be under way.
TEST_P(retirement, gives_its_fence_to_a_release_that_meets_it) {
  std::latch recording(1);
  std::atomic<std::thread::id> retirer{}, releaser{};
  std::atomic<bool> told = false;
  std::atomic<int> calls_of_releaser = 0;
  cuda_standin::on_call([&](call kind) {
    if (std::this_thread::get_id() == retirer.load() && kind == call::cuda_event_record && !told.exchange(true)) {
      recording.count_down();
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    if (std::this_thread::get_id() == releaser.load() && kind == call::cuda_stream_get_id) {
      ++calls_of_releaser;
      std::this_thread::sleep_for(std::chrono::milliseconds(30));
    }
  });
  auto on = std::shared_ptr<device>(value_or_throw(cuda_device::open({.vram_granule_bytes_min = tensor_bytes})));
  pager paged(model.tensors, model.source, on, {.vram = bytes(tensors * tensor_bytes), .ram = "unlimited"});
  cudaStream_t const mine = made_stream();
  handle held = paged.acquire(tensor_id{0}, mine);
  std::thread retiring([&] {
    retirer = std::this_thread::get_id();
    paged.retire_stream(mine);
    cudaStreamDestroy(mine);
  });
  recording.wait();
  std::thread([&] {
    releaser = std::this_thread::get_id();
    held.release();
  }).join();
  retiring.join();
  EXPECT_EQ(calls_of_releaser, 0);
  paged.close();
}

// Releases on other streams come without end, and do not keep a retirement waiting.
TEST_P(retirement, does_not_wait_for_releases_that_begin_later) {
  auto on = std::shared_ptr<device>(value_or_throw(cuda_device::open({.vram_granule_bytes_min = tensor_bytes})));
  pager paged(model.tensors, model.source, on, {.vram = bytes(tensors * tensor_bytes), .ram = "unlimited"});
  std::atomic<bool> over = false;
  std::vector<std::jthread> busy;
  for (std::uint32_t i = 0; i < 3; ++i)
    busy.emplace_back([&, i] {
      cudaStream_t const stream = made_stream();
      while (!over) (void)paged.acquire(tensor_id{i}, stream);
      paged.retire_stream(stream);
      cudaStreamDestroy(stream);
    });
  for (int i = 0; i < 20; ++i) {
    cudaStream_t const brief = made_stream();
    { handle const held = paged.acquire(tensor_id{4}, brief); }
    paged.retire_stream(brief);
    cudaStreamDestroy(brief);
  }
  over = true;
}

// A stream that a release names is alive, though one at the same address was retired while the handle was held.
TEST_P(retirement, does_not_end_uses_on_a_new_stream_at_the_same_address) {
  auto on = std::shared_ptr<device>(value_or_throw(cuda_device::open({.vram_granule_bytes_min = tensor_bytes})));
  pager paged(model.tensors, model.source, on, {.vram = bytes(tensors * tensor_bytes), .ram = "unlimited"});
  cudaStream_t const own = made_stream();
  cudaStream_t const old = made_stream();
  handle held = paged.acquire(tensor_id{0}, own);
  handle const outlives = paged.acquire(tensor_id{1}, old);
  paged.retire_stream(old);
  cudaStreamDestroy(old);
  std::vector<cudaStream_t> fresh{made_stream()};
  while (fresh.back() != old && fresh.size() < 200) fresh.push_back(made_stream());
  ASSERT_EQ(fresh.back(), old);
  cuda_standin::reset_counts();
  held.release(old);
  EXPECT_EQ(cuda_standin::calls(call::cuda_event_record), 1U);
  for (cudaStream_t const each : fresh) cudaStreamDestroy(each);
  cudaStreamDestroy(own);
}

INSTANTIATE_TEST_SUITE_P(seeds, retirement, testing::Range<std::uint64_t>(1, 9));

}  // namespace
}  // namespace tierpager::test
