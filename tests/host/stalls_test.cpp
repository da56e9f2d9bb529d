// What counts as a stall: the time in acquire after the caller's stream has run dry. Which of two things happens first is
// decided by gates, never by time.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include <host/host_device.hpp>
#include <tests/support/gated_source.hpp>
#include <tests/support/paged_reading.hpp>
#include <tierpager/forwarding_device.hpp>

namespace tierpager::test {
namespace {

constexpr tensor_id first{0}, second{1};

struct stalls : testing::Test {
  watchdog const limit{"a test of stalls"};
  pattern_model model = make_pattern_model(2, 2 * page);
  stream_gate gate;
  host_stream stream;
  std::shared_ptr<tests::gated_source> source = std::make_shared<tests::gated_source>(model.source);
  pager paged{model.tensors, source, std::make_shared<host_device>(), {.vram = "100%", .ram = "100%"}};

  /// Acquires on another thread, while the source is shut; `while_blocked` runs once that thread is blocked.
  template <class Acquire, class Meanwhile>
  void acquire_slowly(Acquire&& acquire, Meanwhile&& while_blocked) {
    source->hold();
    std::jthread const caller([&] { handle const held = acquire(); });
    eventually([&] { return paged.stats().waiting_acquires == 1; });
    source->wait_for_held(1);
    while_blocked();
    source->release();
  }
  [[nodiscard]] double stalled() const { return paged.stats().stall_seconds; }
};

TEST_F(stalls, are_none_while_the_stream_still_has_work) {
  gate.block(stream);
  acquire_slowly([&] { return paged.acquire(first, stream); }, [] {});
  EXPECT_EQ(stalled(), 0.0);
  EXPECT_EQ(paged.stats().waiting_acquires, 0U);
  gate.open();
}

TEST_F(stalls, begin_at_once_where_the_stream_has_nothing_to_do) {
  acquire_slowly([&] { return paged.acquire(first, stream); }, [&] { EXPECT_EQ(stalled(), 0.0); });
  double const value = stalled();
  EXPECT_GT(value, 0.0);
  { handle const hit = paged.acquire(first, stream); }
  EXPECT_EQ(stalled(), value);  // nobody waited
}

/// Knows whether a fence of a caller's stream was seen to have passed.
class watched_device final : public forwarding_device {
 public:
  watched_device() : forwarding_device(std::make_shared<host_device>()) {}
  result<bool> passed(fence which) override {
    auto const over = forwarding_device::passed(which);
    if (which.stream != 0 && over.ok() && *over) seen_ = true;
    return over;
  }
  [[nodiscard]] bool seen() const { return seen_; }

 private:
  std::atomic<bool> seen_ = false;
};

// That the stream ran dry may be seen and not be noted before the acquire ends, so there are several attempts.
TEST(stall, begins_when_the_stream_runs_dry_during_the_wait) {
  watchdog const limit("a stream that runs dry");
  pattern_model const model = make_pattern_model(1, page);
  double stalled = 0;
  for (int attempt = 0; attempt < 100 && stalled == 0; ++attempt) {
    stream_gate gate;
    host_stream stream;
    auto const source = std::make_shared<tests::gated_source>(model.source);
    auto const device = std::make_shared<watched_device>();
    pager paged(model.tensors, source, device, {.vram = "100%", .ram = "100%"});
    source->hold();
    gate.block(stream);
    {
      std::jthread const caller([&] { handle const held = paged.acquire(first, stream); });
      source->wait_for_held(1);
      eventually([&] { return paged.stats().waiting_acquires == 1; });
      EXPECT_EQ(paged.stats().stall_seconds, 0.0);
      gate.open();
      eventually([&] { return device->seen(); });
      source->release();
    }
    stalled = paged.stats().stall_seconds;
  }
  EXPECT_GT(stalled, 0.0);
}

TEST_F(stalls, of_acquire_host_are_all_of_its_wait) {
  gate.block(stream);  // of no concern
  acquire_slowly([&] { return paged.acquire_host(second); }, [] {});
  EXPECT_GT(stalled(), 0.0);
  gate.open();
}

TEST_F(stalls, end_with_an_acquire_that_is_given_up) {
  source->hold();
  EXPECT_EQ(code_of([&] {
              return paged.acquire(first, stream,
                                   {.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(1)});
            }),
            errc::timed_out);
  EXPECT_GT(stalled(), 0.0);
  EXPECT_EQ(paged.stats().waiting_acquires, 0U);
  source->release();
}

}  // namespace
}  // namespace tierpager::test
