// A tier's budget alone: what is asked for, what binds, what pins need, and what the system gives.
#include <gmock/gmock.h>

#include <tests/core/residency/parts_by_hand.hpp>

namespace tierpager::test {
namespace {

using testing::HasSubstr;

class tier_budget_alone : public testing::Test {
 protected:
  tier_budget vram(residency_options const& options) { return {tier::vram, options, tensors_, slots_}; }
  tier_budget ram(residency_options const& options) { return {tier::ram, options, tensors_, slots_}; }

  catalog tensors_ = tensors_of({page, 2 * page, 3 * page});
  slot_table slots_{tensors_, page, page};
};

TEST_F(tier_budget_alone, allows_whole_granules_and_no_more_than_the_model_needs) {
  EXPECT_EQ(vram({.vram = {.budget_bytes = 2 * page + 100}, .ram = {}}).target_bytes(), 2 * page);
  EXPECT_EQ(vram({.vram = {}, .ram = {}}).target_bytes(), 6 * page);
  EXPECT_EQ(vram({.vram = {.present = false}, .ram = {}}).target_bytes(), 0U);
}

TEST_F(tier_budget_alone, counts_scratch_and_what_the_device_holds_beside_the_arena) {
  residency_options const options{
      .vram = {.budget_bytes = 5 * page, .overhead_bytes = page}, .ram = {}, .scratch_bytes = 100};
  tier_budget const budget = vram(options);
  EXPECT_EQ(budget.scratch_bytes(), page);
  EXPECT_EQ(budget.target_bytes(), 4 * page);
  EXPECT_EQ(budget.effective_bytes(), 5 * page);
  EXPECT_EQ(budget.least_bytes(), page + page + 3 * page) << "overhead, scratch and the largest tensor";
}

TEST_F(tier_budget_alone, gives_ram_that_stages_for_vram_a_buffer_of_two_chunks_at_least) {
  tier_budget const none = ram({.vram = {}, .ram = {.present = false}, .chunk_bytes = page});
  EXPECT_EQ(none.buffer_floor_bytes(), 2 * page);
  EXPECT_EQ(none.effective_bytes(), 2 * page);
  EXPECT_EQ(none.target_bytes(), 2 * page);
  tier_budget const alone = ram({.vram = {.present = false}, .ram = {.present = false}, .chunk_bytes = page});
  EXPECT_EQ(alone.effective_bytes(), 0U);
}

TEST_F(tier_budget_alone, refuses_pins_that_leave_no_room_for_the_largest_other_tensor) {
  tier_budget const budget = vram({.vram = {.budget_bytes = 4 * page}, .ram = {}});
  slots_.set_pinned(id(0), tier::vram, true);
  EXPECT_TRUE(budget.pins_fit().ok());
  slots_.set_pinned(id(1), tier::vram, true);
  status const refused = budget.pins_fit();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, errc::budget_too_small);
  EXPECT_THAT(refused.error().what, HasSubstr("needs at least " + std::to_string(6 * page) + " bytes"));
}

TEST_F(tier_budget_alone, binds_for_new_requests_at_once_and_for_residents_once_it_is_reached) {
  tier_budget budget = vram({.vram = {.budget_bytes = 5 * page}, .ram = {}});
  budget.ask_for(3 * page);
  EXPECT_TRUE(budget.retarget());
  EXPECT_FALSE(budget.retarget()) << "nothing has changed since";
  EXPECT_TRUE(budget.lowering());
  EXPECT_EQ(budget.target_bytes(), 3 * page);
  EXPECT_EQ(budget.limit_bytes(), 5 * page);
  EXPECT_EQ(budget.effective_bytes(), 5 * page);
  budget.reach_target();
  EXPECT_FALSE(budget.lowering());
  EXPECT_EQ(budget.effective_bytes(), 3 * page);
  budget.ask_for(4 * page);
  EXPECT_TRUE(budget.retarget());
  EXPECT_EQ(budget.limit_bytes(), 4 * page) << "a higher one binds at once";
}

TEST_F(tier_budget_alone, makes_do_with_what_the_system_gave_until_it_gives_more) {
  tier_budget budget = vram({.vram = {.budget_bytes = 5 * page}, .ram = {}});
  budget.refused(3 * page);
  EXPECT_TRUE(budget.retarget());
  EXPECT_EQ(budget.target_bytes(), 3 * page);
  EXPECT_EQ(budget.refused_commits(), 1U);
  EXPECT_FALSE(budget.given(3 * page));
  EXPECT_TRUE(budget.given(4 * page));
  EXPECT_EQ(budget.system_limit_bytes(), 4 * page);
  budget.forget_refusal();
  EXPECT_FALSE(budget.is_refused());
  EXPECT_TRUE(budget.retarget());
  EXPECT_EQ(budget.target_bytes(), 5 * page);
}

TEST_F(tier_budget_alone, lets_ram_ask_again_for_what_pins_and_any_tensor_need) {
  tier_budget budget = ram({.vram = {.present = false}, .ram = {.budget_bytes = 6 * page}});
  budget.refused(page);
  EXPECT_EQ(budget.system_limit_bytes(), 3 * page);
}

TEST_F(tier_budget_alone, aims_at_the_budget_asked_for_where_pins_are_overcommitted) {
  tier_budget budget = vram({.vram = {.budget_bytes = 2 * page}, .ram = {}, .overcommit_pins = true});
  slots_.set_pinned(id(1), tier::vram, true);
  EXPECT_TRUE(budget.retarget());
  EXPECT_TRUE(budget.pins_fit().ok());
  EXPECT_EQ(budget.limit_bytes(), 5 * page);
  EXPECT_EQ(budget.soft_limit_bytes(), 2 * page);
}

}  // namespace
}  // namespace tierpager::test
