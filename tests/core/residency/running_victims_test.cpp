// Who leaves where every possible victim may be in use on a stream: the core's questions, and what the answers lead to.
#include <algorithm>

#include <tests/core/residency/core_by_hand.hpp>

namespace tierpager::test {
namespace {

constexpr tensor_id first{0}, second{1}, third{2};
constexpr fence blocked{.stream = 1, .sequence = 1};
constexpr fence slow{.stream = 2, .sequence = 1};

using running_victims = core_by_hand;

TEST_F(running_victims, are_asked_about_once_more_before_one_of_them_leaves) {
  use(first, slow);
  use(second, blocked);  // the first in line: of equals the newest leaves
  load(third);
  EXPECT_EQ(take_asked().size(), 2U);
  core_.running(blocked);
  core_.running(slow);
  carry_out();
  EXPECT_EQ(take_asked().size(), 2U);
  EXPECT_TRUE(in_vram(first) && in_vram(second));
  core_.running(blocked);
  core_.passed(slow);
  carry_out();
  EXPECT_TRUE(in_vram(second) && in_vram(third));
}

TEST_F(running_victims, leave_where_all_are_still_in_use) {
  use(first, blocked);
  use(second, slow);
  load(third);
  for (int round = 0; round < 2; ++round) {
    EXPECT_FALSE(in_vram(third));
    for (fence const each : take_asked()) core_.running(each);
    carry_out();
  }
  EXPECT_TRUE(in_vram(third));
  EXPECT_TRUE(take_asked().empty());
}

TEST_F(running_victims, are_not_asked_about_once_the_other_stream_is_retired_and_has_run) {
  use(first, slow);
  core_.stream_retired(slow);
  std::vector<command> next;
  core_.take_commands(next);
  ASSERT_EQ(next.size(), 1U);
  EXPECT_EQ(std::get<watch_command>(next.front()).until, slow);
  core_.passed(slow);
  use(first, blocked);
  use(second, blocked);
  load(third);
  EXPECT_TRUE(take_asked().empty());
  EXPECT_TRUE(in_vram(third));
}

TEST_F(running_victims, are_asked_about_by_a_load_from_before_the_other_stream_had_run) {
  use(first, slow);
  use(second, blocked);
  reads_wait_ = true;
  load(third);
  core_.stream_retired(slow);
  core_.passed(slow);
  use(first, blocked);
  use(second, blocked);
  EXPECT_TRUE(take_asked().empty());
  reads_wait_ = false;
  answer_reads();
  carry_out();
  EXPECT_EQ(take_asked().size(), 1U);
}

// Threads may come to the lock in another order than that in which they recorded their fences.
TEST_F(running_victims, are_asked_about_by_the_latest_fence_of_a_stream) {
  constexpr fence late{.stream = slow.stream, .sequence = slow.sequence + 1};
  use(first, late);
  use(first, slow);
  use(second, blocked);
  core_.passed(slow);
  load(third);
  EXPECT_EQ(take_asked(), (std::vector<fence>{blocked, late}));
}

TEST_F(running_victims, are_asked_about_by_the_latest_fence_of_every_stream) {
  constexpr fence late{.stream = slow.stream, .sequence = slow.sequence + 1};
  constexpr fence other{.stream = 3, .sequence = 1}, later{.stream = 3, .sequence = 2},
      another{.stream = 4, .sequence = 1};
  for (fence const last_use : {blocked, slow, other, another, late, later, blocked}) use(first, last_use);
  use(second, blocked);
  load(third);
  std::vector<fence> asked = take_asked();
  std::ranges::sort(asked);
  EXPECT_EQ(asked, (std::vector<fence>{blocked, late, later, another}));
}

TEST_F(running_victims, are_not_asked_about_by_what_had_run_when_a_third_stream_used_them) {
  constexpr fence other{.stream = 3, .sequence = 1};
  use(first, slow);
  use(first, blocked);
  core_.passed(slow);
  use(first, other);
  use(second, other);
  load(third);
  std::vector<fence> asked = take_asked();
  std::ranges::sort(asked);
  EXPECT_EQ(asked, (std::vector<fence>{blocked, other}));
}

TEST_F(running_victims, are_asked_about_as_long_as_a_retired_stream_runs) {
  use(first, slow);
  core_.stream_retired(slow);
  carry_out();
  use(second, blocked);
  load(third);
  EXPECT_EQ(take_asked().size(), 2U);
}

// Under lru nothing is asked: the copy waits for the fences.
struct least_recent_victims : core_by_hand {
  least_recent_victims() : core_by_hand(unlimited_bytes, "lru") {}
};

TEST_F(least_recent_victims, are_copied_over_behind_the_latest_fence_of_every_stream) {
  constexpr fence late{.stream = slow.stream, .sequence = slow.sequence + 1};
  for (fence const last_use : {slow, late, slow}) use(first, last_use);
  use(second, late);
  load(third);
  ASSERT_FALSE(in_vram(first));
  EXPECT_TRUE(std::ranges::count(copied_after_, late) > 0);
}

}  // namespace
}  // namespace tierpager::test
