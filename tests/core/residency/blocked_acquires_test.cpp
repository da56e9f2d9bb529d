// Acquires that wait, and those that never could be served: who is told, and of what.
#include <gmock/gmock.h>

#include <tests/core/residency/core_by_hand.hpp>

namespace tierpager::test {
namespace {

using testing::HasSubstr;
using ids = std::vector<tensor_id>;

constexpr tensor_id t0{0}, t1{1}, t2{2}, t3{3};
constexpr owner_id first{2}, second{4}, third{6};

struct blocked_acquires : core_by_hand {
  explicit blocked_acquires(std::uint64_t ram_bytes = unlimited_bytes) : core_by_hand(ram_bytes, "lru") {}
  // By hand: what an acquire is answered at once.
  std::optional<errc> answer(ids const& set, owner_id owner, tier where = tier::vram) {
    auto const got = core_.acquire(set, where, owner);
    if (got.ok() && !got->granted) last_ = got->request;
    carry_out();
    return got.ok() ? std::nullopt : std::optional(got.error().code);
  }
  // Granted and carried out.
  void hold(ids const& set, owner_id owner, tier where = tier::vram) {
    unsigned const before = granted_;
    auto const got = core_.acquire(set, where, owner);
    ASSERT_TRUE(got.ok()) << got.error().describe();
    carry_out();
    ASSERT_TRUE(got->granted || granted_ == before + 1);
  }
  void release(tensor_id id, owner_id owner, tier where = tier::vram) {
    core_.release(id, where, owner, std::nullopt);
    carry_out();
  }
  request_id last_{};  // that waits
};

TEST_F(blocked_acquires, are_refused_for_what_their_owner_holds_and_wait_for_what_others_hold) {
  hold({t0}, first);
  hold({t1}, second);
  EXPECT_EQ(answer({t2, t3}, first), errc::would_deadlock);
  EXPECT_EQ(answer({t2}, first), std::nullopt);
  release(t1, second);
  EXPECT_TRUE(in_vram(t2));
  EXPECT_EQ(answer({t3}, first), errc::would_deadlock);
  EXPECT_EQ(answer({t3}, second), std::nullopt);
}

TEST_F(blocked_acquires, count_once_what_the_owner_holds_already) {
  hold({t0}, first);
  hold({t1}, second);
  EXPECT_EQ(answer({t0, t2}, first), std::nullopt);
  release(t1, second);
  EXPECT_TRUE(in_vram(t2));
}

TEST_F(blocked_acquires, join_what_others_load_though_a_smaller_budget_has_no_room_for_both) {
  hold({t0}, first);
  reads_wait_ = true;
  ASSERT_EQ(answer({t1}, second), std::nullopt);
  ASSERT_TRUE(core_.set_budget(tier::vram, tensor_bytes).ok());
  EXPECT_EQ(answer({t1}, first), std::nullopt);
  unsigned const before = granted_;
  reads_wait_ = false;
  answer_reads();
  carry_out();
  EXPECT_EQ(granted_, before + 2);
}

TEST_F(blocked_acquires, count_pins_once_they_have_come) {
  ASSERT_TRUE(core_.pin(std::array{t3}, tier::vram).ok());
  hold({t0}, first);
  hold({t1}, second);
  EXPECT_EQ(answer({t2}, first), std::nullopt);  // the pin is not there, so the other's room would do
  core_.cancel(last_, {});
  release(t1, second);
  use(t3, {.stream = 0, .sequence = 0});
  EXPECT_EQ(answer({t1}, first), errc::would_deadlock);
  EXPECT_EQ(answer({t3}, first), std::nullopt);
  core_.unpin(std::array{t3}, tier::vram);
}

TEST_F(blocked_acquires, wait_once_others_have_released_for_their_owner) {
  hold({t0}, first);
  hold({t1}, first);
  EXPECT_EQ(answer({t2}, first), errc::would_deadlock);
  core_.released_elsewhere(first);
  EXPECT_EQ(answer({t2}, first), std::nullopt);
  EXPECT_EQ(core_.overdue(last_).code, errc::timed_out);
  release(t1, first);
  EXPECT_TRUE(in_vram(t2));
}

TEST_F(blocked_acquires, are_told_when_their_owner_takes_more_meanwhile) {
  hold({t0}, first);
  hold({t1}, second);
  core_.release(t1, tier::vram, second, std::nullopt);
  hold({t1}, second);
  ASSERT_EQ(answer({t2}, first), std::nullopt);
  unsigned const before = rejected_;
  hold({t1}, first);  // a hit
  EXPECT_EQ(rejected_, before + 1);
}

TEST_F(blocked_acquires, say_who_holds_what_and_who_waits_before_them) {
  hold({t0}, first);
  hold({t1}, second);
  ASSERT_EQ(answer({t2, t3}, third), std::nullopt);
  ASSERT_EQ(answer({t2}, first), std::nullopt);
  failure const why = core_.overdue(last_);
  EXPECT_EQ(why.code, errc::timed_out);
  EXPECT_EQ(why.tensor, "t2");
  EXPECT_EQ(
      why.what,
      "the deadline of acquire passed: wants 16384 bytes more, 32768 of 32768 bytes of VRAM are held; thread 1 "
      "(which asks) holds 16384 bytes: 't0'; thread 2 holds 16384 bytes: 't1'; before it waits thread 3 for 't2', "
      "'t3'");
}

TEST_F(blocked_acquires, that_are_being_loaded_say_so) {
  reads_wait_ = true;
  ASSERT_EQ(answer({t0, t1}, first), std::nullopt);
  EXPECT_EQ(core_.overdue(last_).what, "the deadline of acquire passed while it was loaded");
  EXPECT_EQ(core_.overdue(last_).tensor, "t0");
}

struct blocked_loads : blocked_acquires {
  blocked_loads() : blocked_acquires(2 * tensor_bytes) {}
};

TEST_F(blocked_loads, are_refused_where_their_owner_s_handles_in_ram_leave_not_even_a_buffer) {
  hold({t0, t1}, first, tier::ram);
  EXPECT_EQ(answer({t2}, first), std::nullopt);
  EXPECT_EQ(rejected_, 1U);
  EXPECT_EQ(answer({t1}, first), std::nullopt);
  EXPECT_TRUE(in_vram(t1));
  EXPECT_EQ(answer({t3}, second), std::nullopt);
  EXPECT_THAT(core_.overdue(last_).what, HasSubstr("before there was RAM to load through"));
  EXPECT_EQ(rejected_, 1U);
  release(t0, first, tier::ram);
  EXPECT_TRUE(in_vram(t3));
}

}  // namespace
}  // namespace tierpager::test
