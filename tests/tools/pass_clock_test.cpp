#include <tools/pass_clock.hpp>

#include <gtest/gtest.h>

#include <atomic>

#include <host/host_device.hpp>
#include <tests/support/paged_reading.hpp>
#include <tierpager/forwarding_device.hpp>

namespace tierpager::tools {
namespace {

using test::eventually;
using test::stream_gate;
using test::watchdog;

/// Counts the questions whether a fence has passed.
class asked_device final : public forwarding_device {
 public:
  asked_device() : forwarding_device(std::make_shared<host_device>()) {}
  result<bool> passed(fence which) override {
    auto const over = forwarding_device::passed(which);
    ++asked_;
    return over;
  }
  [[nodiscard]] int asked() const { return asked_; }

 private:
  std::atomic<int> asked_ = 0;
};

TEST(pass_clock, reads_the_clock_when_work_ends_and_not_when_it_was_queued) {
  watchdog const limit("passes that end");
  stream_gate first_gate;
  stream_gate second_gate;
  host_stream stream;
  asked_device on;
  std::uint64_t copied_bytes = 0;
  pass_clock ends(on, [&](pass_clock::clock::time_point) { return copied_bytes += 10; });
  ends.end_now();
  first_gate.block(stream);
  ends.end_behind(stream);
  second_gate.block(stream);
  ends.end_behind(stream);
  eventually([&] { return on.asked() > 1; });  // the first answer is known, and it is no
  auto const first_opens = pass_clock::clock::now();
  first_gate.open();
  auto const second_opens = pass_clock::clock::now();
  second_gate.open();
  std::vector<pass_clock::reading> const seen = ends.wait();
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_LE(seen[0].at, first_opens);
  EXPECT_GE(seen[1].at, first_opens);
  EXPECT_GE(seen[2].at, second_opens);
  EXPECT_EQ(seen[0].copied_bytes, 10U);
  EXPECT_GT(seen[2].copied_bytes, seen[1].copied_bytes);
  value_or_throw(on.retire(stream));
}

TEST(pass_clock, waits_for_no_end_that_is_not_asked_for) {
  watchdog const limit("a clock that goes");
  stream_gate gate;
  host_stream stream;
  host_device on;
  {
    pass_clock ends(on, {});
    gate.block(stream);
    ends.end_behind(stream);
  }
  gate.open();
  value_or_throw(on.retire(stream));
}

}  // namespace
}  // namespace tierpager::tools
