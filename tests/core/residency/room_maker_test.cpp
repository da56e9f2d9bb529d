// The rarer ways to make room, alone: pins beyond the budget, a lower budget, and memory that is mapped together.
#include <gmock/gmock.h>

#include <core/residency/room_maker.hpp>
#include <tests/core/residency/parts_by_hand.hpp>

namespace tierpager::test {
namespace {

using testing::SizeIs;

struct room_maker_parts {
  explicit room_maker_parts(residency_options const& options) : made(std::vector<std::uint64_t>(6, page), options) {}
  void put(std::uint32_t count) {
    for (std::uint32_t number = 0; number < count; ++number) made.put(id(number), tier::vram);
  }
  std::uint64_t allocated() const { return made.now.memory.vram.arena().allocated_bytes(); }

  small_ledger made;
  evictor victims{made.now};
  reservations promised{made.now};
  victim_search search{made.now, victims, promised};
  room_maker rooms{made.now, victims, search, promised};
};

TEST(room_maker, evicts_down_to_the_budget_asked_for_but_no_pins_while_these_fit) {
  residency_options options = pages(2, 6);
  options.overcommit_pins = true;
  room_maker_parts parts(options);
  for (std::uint32_t number : {0U, 1U}) parts.made.now.slots.set_pinned(id(number), tier::vram, true);
  parts.made.now.memory.vram.retarget();
  parts.made.now.memory.vram.grow(false);
  (void)parts.made.now.memory.vram.remapped(0, 1, {});
  parts.put(3);
  EXPECT_EQ(parts.rooms.make_room(tier::vram, page, false), room::there) << "three pages bind, two are aimed at";
  EXPECT_EQ(parts.allocated(), 2 * page) << "what is not pinned has left";
  EXPECT_EQ(parts.rooms.make_room(tier::vram, 2 * page, false), room::none);
}

TEST(room_maker, shrinks_by_evicting_from_the_high_end_and_giving_granules_back) {
  room_maker_parts parts(pages(4, 6));
  parts.put(4);
  EXPECT_FALSE(parts.rooms.shrink(tier::vram)) << "nothing is to be lowered";
  parts.made.now.budget.vram.ask_for(2 * page);
  parts.made.now.memory.vram.retarget();
  EXPECT_FALSE(parts.rooms.shrink(tier::vram));
  EXPECT_EQ(parts.allocated(), 2 * page);
  EXPECT_EQ(parts.made.now.slots.at(id(3), tier::vram).state, slot_state::absent);
  EXPECT_EQ(parts.victims.evictions(tier::vram)[static_cast<std::size_t>(eviction_reason::budget)], 2U);
  auto const remaps = only<remap_command>(parts.made.take());
  ASSERT_THAT(remaps, SizeIs(1));
  (void)parts.made.now.memory.vram.remapped(remaps[0].decommits.size(), 0, {});
  EXPECT_TRUE(parts.rooms.shrink(tier::vram)) << "the new budget binds now";
  EXPECT_EQ(parts.made.now.budget.vram.effective_bytes(), 2 * page);
}

TEST(room_maker, waits_with_a_lower_budget_for_what_is_held) {
  room_maker_parts parts(pages(4, 6));
  parts.put(4);
  for (std::uint32_t number : {0U, 1U, 2U}) parts.made.now.slots.begin_use(id(number), tier::vram);
  parts.made.now.budget.vram.ask_for(2 * page);
  parts.made.now.memory.vram.retarget();
  (void)parts.rooms.shrink(tier::vram);
  (void)parts.made.now.memory.vram.remapped(1, 0, {});
  EXPECT_FALSE(parts.rooms.shrink(tier::vram));
  EXPECT_EQ(parts.made.now.budget.vram.effective_bytes(), 4 * page);
}

TEST(room_maker, gives_granules_back_on_one_side_of_what_is_held_for_a_place_on_the_other) {
  room_maker_parts parts(pages(3, 6));
  parts.put(3);
  parts.made.now.slots.begin_use(id(1), tier::vram);
  room made = room::there;
  auto const placed = parts.rooms.place_by_remap(tier::vram, 2 * page, made);
  ASSERT_TRUE(placed);
  EXPECT_EQ(placed->range.bytes, 2 * page);
  EXPECT_THAT(placed->decommits, testing::ElementsAre(byte_range{0, page}));
  EXPECT_THAT(placed->commits, testing::ElementsAre(byte_range{3 * page, page}));
  EXPECT_EQ(parts.made.now.memory.vram.last_resorts(), 1U);
  EXPECT_EQ(parts.allocated(), 3 * page);
}

TEST(room_maker, says_that_there_is_none_where_all_is_held) {
  room_maker_parts parts(pages(2, 6));
  parts.put(2);
  for (std::uint32_t number : {0U, 1U}) parts.made.now.slots.begin_use(id(number), tier::vram);
  room made = room::there;
  EXPECT_FALSE(parts.rooms.place_by_remap(tier::vram, page, made));
  EXPECT_EQ(made, room::none);
}

}  // namespace
}  // namespace tierpager::test
