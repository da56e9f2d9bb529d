// Which fences the device is asked about, in which order, and what the core hears of the answers.
#include <gmock/gmock.h>

#include <host/fence_watcher.hpp>
#include <tests/host/lone_part.hpp>

namespace tierpager::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct fence_watcher_alone : lone_part {
  stall_clock stalls{core_, device_};
  fence_watcher watcher{core_, device_, stalls};
  unsigned failures = 0;
};

TEST_F(fence_watcher_alone, asks_about_the_oldest_fence_of_each_stream) {
  scoped_lock const lock(core_.mutex());
  for (fence const each : {fence{2, 5}, fence{2, 4}, fence{1, 9}}) watcher.watch(each);
  EXPECT_FALSE(watcher.poll(failures));
  EXPECT_THAT(device_.take_calls(), ElementsAre("passed 1:9", "passed 2:4"));
  device_.has_passed = {{2, 4}};
  EXPECT_TRUE(watcher.poll(failures));
  device_.forget_calls();
  EXPECT_FALSE(watcher.poll(failures));
  EXPECT_THAT(device_.take_calls(), ElementsAre("passed 1:9", "passed 2:5"));
}

TEST_F(fence_watcher_alone, tells_the_core_of_what_has_passed) {
  scoped_lock const lock(core_.mutex());
  fence const copied = load(tensor_id{0});
  ASSERT_EQ(core_->ready(tensor_id{0}), copied);
  watcher.watch(copied);
  EXPECT_FALSE(watcher.poll(failures));
  EXPECT_EQ(core_->ready(tensor_id{0}), copied);
  device_.has_passed = {copied};
  EXPECT_TRUE(watcher.poll(failures));
  EXPECT_EQ(core_->ready(tensor_id{0}), std::nullopt);
  device_.forget_calls();
  EXPECT_FALSE(watcher.poll(failures));
  EXPECT_THAT(device_.take_calls(), IsEmpty());
}

TEST_F(fence_watcher_alone, answers_a_question_once) {
  scoped_lock const lock(core_.mutex());
  watcher.ask({3, 1});
  EXPECT_TRUE(watcher.poll(failures)) << "the core is told that it runs";
  EXPECT_FALSE(watcher.poll(failures));
  device_.has_passed = {{3, 1}};
  EXPECT_TRUE(watcher.poll(failures));
}

TEST_F(fence_watcher_alone, tells_of_a_device_that_cannot_say_after_some_questions) {
  scoped_lock const lock(core_.mutex());
  watcher.watch({3, 1});
  device_.fails["passed"] = failed();
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(watcher.poll(failures));
  EXPECT_EQ(failures, 20U);
  device_.fails.clear();
  device_.has_passed = {{3, 1}};
  EXPECT_TRUE(watcher.poll(failures));
  EXPECT_EQ(failures, 0U);
}

TEST_F(fence_watcher_alone, gives_up_the_fences_of_a_lost_device) {
  scoped_lock const lock(core_.mutex());
  (void)ask_for(tensor_id{0});
  watcher.watch({3, 1});
  device_.fails["passed"] = lost();
  (void)watcher.poll(failures);
  EXPECT_EQ(commands_.take_all<reject_command>().size(), 1U);
  device_.forget_calls();
  (void)watcher.poll(failures);
  EXPECT_THAT(device_.take_calls(), IsEmpty());
}

TEST_F(fence_watcher_alone, says_at_once_what_has_passed_where_that_is_wanted) {
  scoped_lock const lock(core_.mutex());
  fence const first = load(tensor_id{0});
  fence const second = load(tensor_id{1});
  watcher.watch(first);
  watcher.watch(second);
  device_.has_passed = {first};
  watcher.tell_what_has_passed();
  EXPECT_EQ(core_->ready(tensor_id{0}), std::nullopt);
  EXPECT_EQ(core_->ready(tensor_id{1}), second);
}

TEST_F(fence_watcher_alone, polls_the_streams_of_blocked_callers_too) {
  scoped_lock const lock(core_.mutex());
  stall_clock::wait caller;
  stall_clock::begin(caller);
  stalls.runs_until(caller, {4, 2});
  (void)watcher.poll(failures);
  EXPECT_THAT(device_.take_calls(), ElementsAre("passed 4:2"));
  stalls.end(caller);
}

TEST_F(fence_watcher_alone, runs_until_the_pager_closes) {
  device_.has_passed = {{1, 1}};
  std::jthread const waiter([&] { watcher.run(); });
  {
    scoped_lock const lock(core_.mutex());
    watcher.watch({1, 1});
  }
  scoped_lock const lock(core_.mutex());
  (void)core_.close();
  watcher.wake();
}

}  // namespace
}  // namespace tierpager::test
