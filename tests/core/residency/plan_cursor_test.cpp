// The cursor alone: the order that is followed, the plan in force, and how far ahead of the program it stands.
#include <gmock/gmock.h>

#include <tests/core/residency/parts_by_hand.hpp>

namespace tierpager::test {
namespace {

class plan_cursor_alone : public testing::Test {
 protected:
  static std::unique_ptr<access_cycle> cycle(std::vector<std::uint32_t> const& numbers) {
    acquire_order order;
    for (std::uint32_t const number : numbers) {
      order.entries.push_back({.id = id(number), .call = order.calls, .until = order.calls + 1});
      ++order.calls;
    }
    return std::make_unique<access_cycle>(std::move(order), 4);
  }
  void adopt() {
    auto const asked = cursor_.take_question();
    ASSERT_TRUE(asked);
    memory_plan plan;
    plan.homes = {home::vram, home::ram, home::file, home::none};
    plan.places = {0, page, page, memory_plan::no_place};
    EXPECT_TRUE(cursor_.adopt(asked->epoch, plan));
  }
  void use(std::uint32_t number) {
    tensor_id const which = id(number);
    cursor_.acquired(std::span(&which, 1));
    cursor_.released(which);
  }

  plan_cursor cursor_{4, true};
};

TEST_F(plan_cursor_alone, wants_a_plan_once_for_each_change_of_order_or_conditions) {
  EXPECT_FALSE(cursor_.has_question());
  cursor_.conditions_changed();
  EXPECT_FALSE(cursor_.plan_wanted()) << "there is no order to plan for";
  cursor_.declare(cycle({0, 1, 2}));
  EXPECT_TRUE(cursor_.has_question() && cursor_.plan_wanted());
  auto const asked = cursor_.take_question();
  EXPECT_FALSE(cursor_.has_question());
  cursor_.conditions_changed();
  EXPECT_FALSE(cursor_.adopt(asked->epoch, memory_plan{})) << "it is out of date";
  EXPECT_EQ(cursor_.plan(), nullptr);
  EXPECT_TRUE(cursor_.has_question());
}

TEST_F(plan_cursor_alone, says_where_the_plan_has_each_tensor) {
  EXPECT_FALSE(cursor_.at_home(id(0), tier::vram));
  cursor_.declare(cycle({0, 1, 2}));
  adopt();
  EXPECT_TRUE(cursor_.at_home(id(0), tier::vram) && cursor_.at_home(id(1), tier::ram));
  EXPECT_FALSE(cursor_.at_home(id(1), tier::vram) || cursor_.at_home(id(2), tier::ram));
  EXPECT_EQ(cursor_.planned_offset(id(2), tier::vram), page);
  EXPECT_FALSE(cursor_.planned_offset(id(3), tier::vram) || cursor_.planned_offset(id(0), tier::ram));
}

TEST_F(plan_cursor_alone, runs_one_cycle_ahead_of_the_program_and_falls_back_to_it) {
  cursor_.declare(cycle({0, 1, 2}));
  EXPECT_FALSE(cursor_.upcoming()) << "without a plan nothing is to be there";
  adopt();
  EXPECT_EQ(cursor_.upcoming(), id(0));
  cursor_.advance();
  EXPECT_EQ(cursor_.upcoming(), id(1));
  EXPECT_TRUE(cursor_.sooner_than_upcoming(id(0)));
  EXPECT_FALSE(cursor_.sooner_than_upcoming(id(2)));
  use(0);
  EXPECT_EQ(cursor_.upcoming(), id(1)) << "the program has caught up";
  use(1);
  EXPECT_EQ(cursor_.upcoming(), id(2)) << "it never lies behind the program";
  for (int i = 0; i < 3; ++i) cursor_.advance();
  EXPECT_FALSE(cursor_.has_upcoming()) << "a whole cycle is there";
  cursor_.fall_back();
  EXPECT_EQ(cursor_.upcoming(), id(2));
}

TEST_F(plan_cursor_alone, loses_the_plan_with_the_order_and_says_so_once) {
  cursor_.declare(cycle({0, 1, 2}));
  adopt();
  cursor_.declare(nullptr);
  EXPECT_TRUE(cursor_.take_loss());
  EXPECT_FALSE(cursor_.take_loss());
  EXPECT_EQ(cursor_.plan(), nullptr);
}

TEST(plan_cursor, follows_nothing_where_plans_are_not_made) {
  plan_cursor cursor(4, false);
  tensor_id const which = id(0);
  for (int i = 0; i < 20; ++i) cursor.acquired(std::span(&which, 1)), cursor.released(which);
  EXPECT_FALSE(cursor.has_question() || cursor.enabled());
}

}  // namespace
}  // namespace tierpager::test
