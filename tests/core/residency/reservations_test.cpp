// Reservations alone: what loads were promised, which evictions are scheduled for it, and what room is left beside it.
#include <gmock/gmock.h>

#include <core/residency/reservations.hpp>
#include <tests/core/residency/parts_by_hand.hpp>

namespace tierpager::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// VRAM of four pages under a plan: 0 and 1 at home, 2 and 3 streamed through the same place.
class reservations_alone : public testing::Test {
 protected:
  reservations_alone() {
    acquire_order order;
    for (std::uint32_t number = 0; number < 4; ++number)
      order.entries.push_back({.id = id(number), .call = number, .until = number + 1});
    order.calls = 4;
    made_.now.cursor.declare(std::make_unique<access_cycle>(std::move(order), 5));
    memory_plan plan;
    plan.homes = {home::vram, home::vram, home::ram, home::ram, home::none};
    plan.places = {0, page, 2 * page, 2 * page, memory_plan::no_place};
    EXPECT_TRUE(made_.now.cursor.adopt(made_.now.cursor.take_question()->epoch, plan));
  }
  void lies(std::uint32_t number, std::uint64_t offset) {
    ASSERT_TRUE(made_.now.memory.vram.arena().place_at({offset, page}));
    made_.now.slots.set_range(id(number), tier::vram, {offset, page});
    made_.now.slots.set_state(id(number), tier::vram, slot_state::resident);
  }

  small_ledger made_{{page, page, page, page, page}, pages(4, 5), "auto"};
  reservations promised_{made_.now};
};

TEST_F(reservations_alone, are_awaited_by_what_was_asked_for_and_has_not_failed) {
  promised_.add({.id = id(2), .ahead = true});
  EXPECT_FALSE(promised_.any_awaited());
  promised_.set_asked_for(id(2));
  EXPECT_TRUE(promised_.any_awaited());
  promised_.set_failed(id(2), true);
  EXPECT_FALSE(promised_.any_awaited());
  promised_.set_failed(id(2), false);
  EXPECT_TRUE(promised_.any_awaited());
  promised_.remove(id(2));
  EXPECT_FALSE(promised_.any_awaited());
  EXPECT_THAT(promised_.unplaced(), IsEmpty());
}

TEST_F(reservations_alone, hold_the_planned_place_of_a_load_against_others) {
  byte_range const place{2 * page, page};
  EXPECT_EQ(promised_.planned_range(id(3)), place);
  EXPECT_FALSE(promised_.is_reserved(place, id(3)));
  promised_.add({.id = id(2), .ahead = false});
  EXPECT_TRUE(promised_.is_reserved(place, id(3)));
  EXPECT_FALSE(promised_.is_reserved(place, id(2))) << "it is its own";
  EXPECT_FALSE(promised_.is_reserved({0, page}, id(3)));
}

TEST_F(reservations_alone, schedule_the_eviction_of_what_lies_in_the_place_unless_it_is_held) {
  lies(3, 2 * page);
  EXPECT_THAT(promised_.staying_in({2 * page, page}), ElementsAre(id(3)));
  promised_.add({.id = id(2), .ahead = true});
  EXPECT_THAT(promised_.staying_in({2 * page, page}), IsEmpty());
  EXPECT_EQ(promised_.bytes_once_all_came(), page) << "3 leaves for 2";
  made_.now.slots.begin_use(id(3), tier::vram);
  EXPECT_THAT(promised_.staying_in({2 * page, page}), ElementsAre(id(3)));
  EXPECT_EQ(promised_.bytes_once_all_came(), 2 * page);
}

TEST_F(reservations_alone, count_what_is_held_or_quarantined_and_what_loads_ahead_have_taken) {
  lies(0, 0);
  lies(2, 2 * page);
  EXPECT_EQ(promised_.promised_bytes(), 0U);
  made_.now.slots.begin_use(id(0), tier::vram);
  made_.now.slots.set_ahead(id(2), true);
  promised_.quarantine(made_.now.memory.vram.arena().place(page)->range);
  EXPECT_EQ(promised_.promised_bytes(), 3 * page);
  promised_.end_quarantine(1, {});
  EXPECT_EQ(promised_.promised_bytes(), 2 * page);
}

TEST_F(reservations_alone, say_that_a_tensor_gives_way_while_the_load_that_got_its_place_has_its_turn) {
  lies(2, 2 * page);
  made_.now.slots.set_evicted_for(id(3), id(2));
  EXPECT_FALSE(promised_.gives_way(id(3)));
  made_.now.slots.set_ahead(id(2), true);
  EXPECT_TRUE(promised_.gives_way(id(3)));
  made_.now.slots.set_ahead(id(2), false);
  made_.now.slots.begin_use(id(2), tier::vram);
  EXPECT_TRUE(promised_.gives_way(id(3)));
  made_.now.slots.end_use(id(2), tier::vram);
  EXPECT_FALSE(promised_.gives_way(id(3)));
}

TEST_F(reservations_alone, fix_a_pin_that_is_there_only_where_there_is_room_for_it) {
  lies(0, 0);
  for (std::uint32_t number : {1U, 2U, 3U}) {
    lies(number, number * page);
    made_.now.slots.begin_use(id(number), tier::vram);
  }
  made_.now.slots.set_pinned(id(0), tier::vram, true);
  promised_.quarantine({8 * page, page});
  promised_.fix_if_room(id(0), tier::vram);
  EXPECT_FALSE(made_.now.slots.at(id(0), tier::vram).fixed) << "three pages are in use, one is in quarantine";
  made_.now.slots.end_use(id(3), tier::vram);
  promised_.fix_if_room(id(0), tier::vram);
  EXPECT_TRUE(made_.now.slots.at(id(0), tier::vram).fixed);
}

// Granules of four pages: two of them, of which a held tensor touches one.
TEST(reservations, count_the_granules_that_what_is_held_touches) {
  residency_options const options{.vram = {.budget_bytes = 8 * page, .granule_bytes = 4 * page, .align_bytes = page},
                                  .ram = {}};
  small_ledger made(std::vector<std::uint64_t>(10, page), options);
  reservations promised(made.now);
  made.put(id(0), tier::vram);
  made.put(id(1), tier::vram);
  auto const held_granules = [&](std::uint64_t from) {
    return promised.granules_touched(tier::vram, {from, 16 * page},
                                     [&](tensor_id each) { return held(made.now.slots.at(each, tier::vram)); });
  };
  EXPECT_EQ(held_granules(0), 0U);
  made.now.slots.begin_use(id(0), tier::vram);
  EXPECT_EQ(held_granules(0), 4 * page);
  EXPECT_EQ(held_granules(4 * page), 0U);
  tensor_id const more = id(5);
  EXPECT_FALSE(promised.granules_for(std::span(&more, 1), tier::vram)) << "it may begin and end within a granule";
  EXPECT_TRUE(promised.granules_for(std::span(&more, 1), tier::ram)) << "RAM is mapped by the page";
}

}  // namespace
}  // namespace tierpager::test
