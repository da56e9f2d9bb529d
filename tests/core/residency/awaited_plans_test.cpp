// What an acquire loads waits for the plan that was asked for with it: whatever becomes of that plan, the load goes on.
#include <tests/core/residency/core_by_hand.hpp>

namespace tierpager::test {
namespace {

constexpr tensor_id first{0};

class awaited_plans : public core_by_hand {
 protected:
  void declare_all() { declare({first, tensor_id{1}, tensor_id{2}, tensor_id{3}}); }
  std::shared_ptr<plan_question const> declare_and_load(tensor_id id) {
    declare_all();
    load(id);
    return plans_.at(0);
  }
};

TEST_F(awaited_plans, say_where_the_load_goes) {
  auto const asked = declare_and_load(first);
  EXPECT_FALSE(in_vram(first));
  auto plan = make_plan(*asked);
  ASSERT_TRUE(plan);
  auto const place = plan->places[index_of(first)];
  core_.planned(asked->epoch, std::move(plan));
  carry_out();
  EXPECT_TRUE(in_vram(first));
  EXPECT_EQ(core_.place(first, tier::vram).range.offset, place);
}

TEST_F(awaited_plans, hold_nothing_up_that_could_not_be_made) {
  auto const asked = declare_and_load(first);
  core_.planned(asked->epoch, std::nullopt);
  carry_out();
  EXPECT_TRUE(in_vram(first));
}

TEST_F(awaited_plans, hold_nothing_up_that_come_for_an_order_given_up_meanwhile) {
  auto const asked = declare_and_load(first);
  core_.set_order({});
  core_.planned(asked->epoch, make_plan(*asked));
  carry_out();
  EXPECT_TRUE(in_vram(first));
  EXPECT_EQ(core_.plan(), nullptr);
}

TEST_F(awaited_plans, are_asked_for_once_an_order_and_once_a_change) {
  declare_all();
  load(first);
  EXPECT_EQ(plans_.size(), 1U);
  ASSERT_TRUE(core_.set_budget(tier::vram, 3 * tensor_bytes).ok());
  carry_out();
  ASSERT_EQ(plans_.size(), 2U);
  core_.planned(plans_[1]->epoch, make_plan(*plans_[1]));
  auto const places = core_.plan()->places;
  core_.planned(plans_[0]->epoch, std::nullopt);  // late, and for a budget that no longer holds
  ASSERT_NE(core_.plan(), nullptr);
  EXPECT_EQ(core_.plan()->places, places);
  carry_out();
  EXPECT_EQ(plans_.size(), 2U);
  EXPECT_TRUE(in_vram(first));
}

}  // namespace
}  // namespace tierpager::test
