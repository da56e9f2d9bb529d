// The snapshot that a plan is made from, alone: budgets without the scratch, what is held, and what lives where.
#include <gmock/gmock.h>

#include <core/residency/plan_snapshot.hpp>
#include <tests/core/residency/parts_by_hand.hpp>

namespace tierpager::test {
namespace {

using testing::ElementsAre;

std::shared_ptr<plan_question const> snapshot(ledger const& now) {
  return plan_snapshot(now, {.epoch = 5, .order = std::make_shared<acquire_order const>()});
}

TEST(plan_snapshot, leaves_the_scratch_out_of_the_space_and_the_budget) {
  residency_options options = pages(3, 2);
  options.scratch_bytes = page;
  small_ledger made({page, page}, options);
  made.now.scratch = made.now.memory.vram.arena().place(page)->range;
  auto const asked = snapshot(made.now);
  EXPECT_EQ(asked->epoch, 5U);
  EXPECT_EQ(asked->request.vram_space.offset, page);
  EXPECT_EQ(asked->request.vram_budget_bytes, 2 * page);
  EXPECT_EQ(asked->request.ram_budget_bytes, 2 * page);
  EXPECT_THAT(*asked->vram_bytes, ElementsAre(page, page));
}

TEST(plan_snapshot, has_no_room_in_a_ram_tier_that_is_absent_but_the_buffer_that_every_load_passes) {
  small_ledger made({page, page, page}, {.vram = {}, .ram = {.present = false}, .chunk_bytes = page});
  auto const asked = snapshot(made.now);
  EXPECT_EQ(asked->request.ram_budget_bytes, 0U);
  EXPECT_EQ(asked->request.ram_space.bytes, 0U);
  EXPECT_EQ(asked->request.ram_buffer_floor_bytes, page) << "two chunks, or the largest tensor where that is less";
}

TEST(plan_snapshot, says_what_lives_in_vram_what_is_held_there_and_what_is_only_passing) {
  small_ledger made({page, page, page, page}, pages(4, 4), "auto");
  for (std::uint32_t number : {0U, 1U, 2U}) made.put(id(number), tier::vram);
  made.now.slots.begin_use(id(1), tier::vram);
  made.now.slots.set_ahead(id(2), true);
  made.now.slots.set_pinned(id(3), tier::vram, true);
  auto const asked = snapshot(made.now);
  EXPECT_THAT(asked->vram_now, ElementsAre(0, page, memory_plan::no_place, memory_plan::no_place));
  EXPECT_THAT(asked->request.vram_held, ElementsAre(false, true, false, false))
      << "a pin that has not come holds nothing";
  EXPECT_THAT(asked->request.pinned_vram, ElementsAre(false, false, false, true));
}

}  // namespace
}  // namespace tierpager::test
