// How a blocked caller goes on: granted, rejected, late or stopped; and what of its wait counts as a stall.
#include <gmock/gmock.h>

#include <stop_token>
#include <thread>

#include <host/blocked_callers.hpp>
#include <tests/host/lone_part.hpp>

namespace tierpager::test {
namespace {

struct blocked_callers_alone : lone_part {
  blocked_callers_alone() {
    commands_.also = [this](command& next) TIERPAGER_REQUIRES(pager_lock) {
      if (auto* const grant = std::get_if<grant_command>(&next)) blocked.end(grant->request, std::nullopt);
      if (auto* const reject = std::get_if<reject_command>(&next)) blocked.end(reject->request, reject->why);
    };
  }
  /// Asks for tensor 0 and waits for it.
  std::optional<failure> acquire(wait_options const& wait = {}, stream_ref on = scripted_device::stream(1))
      TIERPAGER_EXCLUDES(pager_lock) {
    trace_range waiting;
    scoped_lock const lock(core_.mutex());
    return blocked.wait_for({.request = ask_for(tensor_id{0}), .ids = std::span(&id, 1), .stream = on}, wait, waiting);
  }
  std::size_t waiting() TIERPAGER_EXCLUDES(pager_lock) {
    scoped_lock const lock(core_.mutex());
    return blocked.size();
  }
  double stalled() TIERPAGER_EXCLUDES(pager_lock) {
    scoped_lock const lock(core_.mutex());
    return stalls.seconds();
  }

  tensor_id const id{0};
  tracer const trace{model_.tensors};
  plan_maker plans{core_, model_.tensors};
  stall_clock stalls{core_, device_};
  fence_watcher watcher{core_, device_, stalls};
  blocked_callers blocked{core_, device_, trace, plans, stalls, watcher};
};

TEST_F(blocked_callers_alone, go_on_when_what_they_asked_for_is_there) {
  std::optional<failure> why = failed();
  {
    std::jthread const caller([&] { why = acquire(); });
    eventually([&] { return waiting() == 1; });
    scoped_lock const lock(core_.mutex());
    carry_out();
    EXPECT_EQ(blocked.size(), 0U);
  }
  EXPECT_EQ(why, std::nullopt);
}

TEST_F(blocked_callers_alone, are_told_why_they_are_rejected) {
  std::optional<failure> why;
  {
    std::jthread const caller([&] { why = acquire(); });
    eventually([&] { return waiting() == 1; });
    scoped_lock const lock(core_.mutex());
    (void)core_.close();
  }
  ASSERT_TRUE(why);
  EXPECT_EQ(why->code, errc::closed);
}

TEST_F(blocked_callers_alone, give_up_at_their_deadline) {
  auto const why = acquire(no_wait());
  ASSERT_TRUE(why);
  EXPECT_EQ(why->code, errc::timed_out);
  EXPECT_EQ(waiting(), 0U);
}

TEST_F(blocked_callers_alone, give_up_when_they_are_stopped) {
  std::stop_source stop;
  std::optional<failure> why;
  {
    std::jthread const caller([&] { why = acquire({.stop = stop.get_token()}); });
    eventually([&] { return waiting() == 1; });
    stop.request_stop();
  }
  ASSERT_TRUE(why);
  EXPECT_EQ(why->code, errc::cancelled);
}

TEST_F(blocked_callers_alone, stall_only_once_their_stream_is_dry) {
  (void)acquire(no_wait());
  EXPECT_EQ(device_.take_calls(), (std::vector<std::string>{"record 1", "passed 1:1"}));
  EXPECT_EQ(stalled(), 0.0) << "the stream still has work";
  device_.has_passed = {{1, 2}};
  (void)acquire(no_wait());
  EXPECT_GT(stalled(), 0.0);
}

TEST_F(blocked_callers_alone, without_a_stream_stall_from_the_beginning) {
  (void)acquire(no_wait(), stream_ref(static_cast<void*>(nullptr)));
  EXPECT_TRUE(device_.take_calls().empty());
  EXPECT_GT(stalled(), 0.0);
}

TEST_F(blocked_callers_alone, tell_the_core_of_a_lost_device) {
  device_.fails["record"] = lost();
  auto const why = acquire();
  ASSERT_TRUE(why);
  EXPECT_EQ(why->code, errc::device_lost);
}

}  // namespace
}  // namespace tierpager::test
