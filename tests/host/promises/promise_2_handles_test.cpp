// Promise 2: a handle's bytes are right and stay until it is released and the work queued before the release has run,
// whatever happens to pins, budgets or the pager object.
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include <tests/support/paged_reading.hpp>

namespace tierpager::test {
namespace {

struct promise_2_handles : testing::Test {
  watchdog const limit{"a test of promise 2"};
  pattern_model model = make_pattern_model(8, 3 * page);
  stream_reader reader{model.tensors};
  stream_gate gate;
  host_stream stream, other;

  pager open(std::uint64_t vram_tensors, std::uint64_t ram_tensors = 8, std::string policy = "auto") {
    return {
        model.tensors,
        model.source,
        jittery_device(),
        {.vram = bytes(vram_tensors * 3 * page), .ram = bytes(ram_tensors * 3 * page), .policy = std::move(policy)}};
  }
  // Every other tensor passes through the device, so that all that may leave does.
  void press(pager& paged, tensor_id but) {
    for (std::uint32_t i = 0; i < 8; ++i)
      if (tensor_id{i} != but) reader.read(paged.acquire(tensor_id{i}, other), other);
  }
  void expect_right(std::uint64_t at_least) {
    stream.synchronize();
    other.synchronize();
    EXPECT_EQ(reader.wrong(), 0U);
    EXPECT_GE(reader.checked(), at_least);
  }
};

TEST_F(promise_2_handles, stay_right_under_eviction_pressure) {
  pager paged = open(2);
  handle const kept = paged.acquire(tensor_id{3}, stream);
  std::byte const* const at = kept.data();
  for (int pass = 0; pass < 3; ++pass) {
    press(paged, tensor_id{3});
    reader.read(kept, stream);
  }
  EXPECT_EQ(kept.data(), at);
  EXPECT_GE(paged.stats().vram.evictions(), 18U);
  expect_right(24);
}

TEST_F(promise_2_handles, stay_right_after_an_unpin) {
  pager paged = open(2);
  paged.pin(tensor_id{3}, tier::vram);
  handle const kept = paged.acquire(tensor_id{3}, stream);
  paged.unpin(tensor_id{3}, tier::vram);
  press(paged, tensor_id{3});
  reader.read(kept, stream);
  expect_right(8);
}

TEST_F(promise_2_handles, stay_right_while_the_budget_shrinks_and_hold_it_up_until_released) {
  pager paged = open(4);
  press(paged, tensor_id{3});
  handle kept = paged.acquire(tensor_id{3}, stream);
  budget_report const report = paged.set_budget(tier::vram, bytes(0));
  EXPECT_GT(report.pending_bytes, 0U);
  EXPECT_GE(report.effective_bytes, 3 * page);
  EXPECT_EQ(code_of([&] { return paged.acquire(tensor_id{5}, other); }), errc::budget_too_small);
  reader.read(kept, stream);
  expect_right(8);
  EXPECT_GE(paged.stats().vram.committed_bytes, 3 * page);
  kept.release();
  eventually([&] { return paged.stats().vram.effective_bytes == 0; });
  EXPECT_EQ(paged.stats().vram.committed_bytes, 0U);
  EXPECT_EQ(paged.stats().vram.pending_bytes, 0U);
}

TEST_F(promise_2_handles, stay_right_after_close) {
  pager paged = open(2);
  handle const kept = paged.acquire(tensor_id{3}, stream);
  handle const host = paged.acquire_host(tensor_id{4});
  paged.close();
  EXPECT_EQ(code_of([&] { return paged.acquire(tensor_id{3}, stream); }), errc::closed);
  EXPECT_EQ(code_of([&] { return paged.acquire_host(tensor_id{4}); }), errc::closed);
  handle const shared = kept.share();
  reader.read(shared, stream);
  reader.read_now(host);
  expect_right(2);
}

TEST_F(promise_2_handles, outlive_the_pager_and_are_released_last_on_another_thread) {
  std::weak_ptr<device> device_left;
  {
    handle kept;
    handle host;
    {
      auto device = jittery_device();
      device_left = device;
      pager paged(model.tensors, model.source, device, {.vram = bytes(6 * page), .ram = bytes(6 * page)});
      kept = paged.acquire(tensor_id{3}, stream);
      host = paged.acquire_host(tensor_id{5});
    }
    EXPECT_FALSE(device_left.expired());
    std::jthread([this, mine = std::move(kept), at_host = std::move(host)]() mutable {
      gate.block(stream);
      reader.read(mine, stream);
      reader.read_now(at_host);
      at_host.release();
      std::atomic<bool> released = false;
      std::jthread opener([&] {  // by when a release that does not wait has returned, and the memory is gone
        for (int i = 0; i < 50 && !released; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        gate.open();
      });
      mine.release();  // the last one: cleans up, once the work queued before has run
      released = true;
    }).join();
  }
  EXPECT_TRUE(device_left.expired());
  expect_right(2);
}

TEST_F(promise_2_handles, are_right_for_work_queued_before_the_release_on_a_slow_stream) {
  // Exact: else a victim whose reader happens to be done is taken instead of the one in use.
  pager paged = open(2, 8, "lru");
  handle slow = paged.acquire(tensor_id{3}, stream);
  gate.block(stream);
  reader.read(slow, stream);
  slow.release();
  // Others want its place meanwhile: they are served in stream order, without waiting for the slow stream here.
  reader.read(paged.acquire(tensor_id{0}, other), other);
  reader.read(paged.acquire(tensor_id{1}, other), other);
  reader.read(paged.acquire(tensor_id{2}, other), other);
  EXPECT_FALSE(paged.resident(tensor_id{3}, tier::vram));
  EXPECT_LT(reader.checked(), 4U);
  gate.open();
  expect_right(4);
}

TEST_F(promise_2_handles, shared_by_several_stay_right_until_the_last_release) {
  pager paged = open(1);
  handle first = paged.acquire(tensor_id{3}, stream);
  handle second = first.share();
  handle third = std::move(first);
  third.release();
  EXPECT_EQ(code_of([&] { return paged.acquire(tensor_id{0}, other); }), errc::would_deadlock);
  reader.read(second, stream);
  second.release();
  second.release();  // does nothing
  reader.read(paged.acquire(tensor_id{0}, other), other);
  expect_right(2);
}

TEST_F(promise_2_handles, on_the_host_keep_their_bytes_under_eviction_pressure) {
  pager paged = open(2, 3);
  handle const kept = paged.acquire_host(tensor_id{3});
  for (int pass = 0; pass < 3; ++pass) {
    press(paged, tensor_id{3});
    for (std::uint32_t i = 0; i < 8; ++i) reader.read_now(paged.acquire_host(tensor_id{i}));
    reader.read_now(kept);
  }
  EXPECT_GT(paged.stats().ram.evictions(), 0U);
  expect_right(48);
}

}  // namespace
}  // namespace tierpager::test
