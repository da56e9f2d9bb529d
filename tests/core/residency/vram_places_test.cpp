// Places in VRAM alone: where the plan has a tensor, holes, windows, and what has to be read or asked about first.
#include <gmock/gmock.h>

#include <core/residency/vram_places.hpp>
#include <tests/core/residency/parts_by_hand.hpp>

namespace tierpager::test {
namespace {

using testing::IsEmpty;

class vram_places_alone : public testing::Test {
 protected:
  std::optional<tier_arena::placement> place(std::uint32_t number, load& coming) {
    return places_.place(id(number), coming, made_, [] { return false; });
  }
  static load read_load() {
    load coming;
    coming.to_vram = true;
    coming.in_ram.ready = true;
    coming.chunks.begin(page, page, true, false);
    return coming;
  }
  static load unread_load() {
    load coming = read_load();
    coming.chunks = {};
    coming.chunks.begin(page, page, false, false);
    return coming;
  }

  small_ledger parts_{{page, page, page, page}, pages(2, 4)};
  evictor evictor_{parts_.now};
  reservations promised_{parts_.now};
  victim_search search_{parts_.now, evictor_, promised_};
  room_maker rooms_{parts_.now, evictor_, search_, promised_};
  vram_places places_{parts_.now, evictor_, search_, rooms_, promised_};
  room made_ = room::there;
};

TEST_F(vram_places_alone, let_a_load_take_free_room_before_it_is_read_but_no_victim_s) {
  load coming = unread_load();
  EXPECT_TRUE(places_.may_place(id(0), coming));
  EXPECT_TRUE(place(0, coming));
  parts_.put(id(1), tier::vram);
  EXPECT_FALSE(places_.may_place(id(2), coming));
  EXPECT_FALSE(place(2, coming));
  EXPECT_EQ(parts_.now.slots.at(id(1), tier::vram).state, slot_state::resident);
}

TEST_F(vram_places_alone, evict_the_first_victim_for_what_is_read) {
  parts_.put(id(0), tier::vram);
  parts_.put(id(1), tier::vram);
  load coming = read_load();
  auto const placed = place(2, coming);
  ASSERT_TRUE(placed);
  EXPECT_EQ(placed->range, (byte_range{0, page}));
  EXPECT_EQ(parts_.now.slots.at(id(0), tier::vram).state, slot_state::absent);
}

TEST_F(vram_places_alone, say_that_there_is_none_where_all_is_held_and_will_not_be_released) {
  for (std::uint32_t number : {0U, 1U}) {
    parts_.put(id(number), tier::vram);
    parts_.now.slots.begin_use(id(number), tier::vram);
  }
  load coming = read_load();
  EXPECT_FALSE(place(2, coming));
  EXPECT_EQ(made_, room::none);
}

TEST_F(vram_places_alone, let_unused_pins_leave_where_nothing_else_will) {
  for (std::uint32_t number : {0U, 1U}) {
    parts_.put(id(number), tier::vram);
    parts_.now.slots.set_pinned(id(number), tier::vram, true);
    parts_.now.slots.set_fixed(id(number), tier::vram, true);
  }
  load coming = read_load();
  EXPECT_FALSE(places_.place(id(2), coming, made_, [] { return true; })) << "a handle may still be released";
  EXPECT_TRUE(place(2, coming));
}

TEST_F(vram_places_alone, evict_what_lies_where_the_plan_has_the_tensor_unless_it_is_held) {
  parts_.put(id(0), tier::vram);
  load coming = read_load();
  auto const own = places_.place_as_planned(coming, {0, page});
  ASSERT_TRUE(own.placed);
  EXPECT_EQ(parts_.now.slots.at(id(0), tier::vram).state, slot_state::absent);
  parts_.put(id(1), tier::vram);
  parts_.now.slots.begin_use(id(1), tier::vram);
  auto const taken = places_.place_as_planned(coming, {page, page});
  EXPECT_TRUE(!taken.placed && taken.elsewhere);
}

TEST_F(vram_places_alone, wait_for_the_read_before_they_evict_for_a_planned_place) {
  parts_.put(id(0), tier::vram);
  load coming = unread_load();
  auto const later = places_.place_as_planned(coming, {0, page});
  EXPECT_FALSE(later.placed || later.elsewhere);
  EXPECT_EQ(parts_.now.slots.at(id(0), tier::vram).state, slot_state::resident);
}

TEST_F(vram_places_alone, go_elsewhere_where_a_failed_copy_may_still_write) {
  promised_.quarantine({0, page});
  load coming = read_load();
  EXPECT_TRUE(places_.place_as_planned(coming, {0, page}).elsewhere);
  EXPECT_TRUE(places_.place_as_planned(coming, {page, page}).placed);
}

TEST_F(vram_places_alone, place_nothing_that_has_failed_or_has_a_place) {
  load failed = read_load();
  failed.failed = failure{.code = errc::read_failed, .what = "no"};
  load placed = read_load();
  placed.placed = true;
  EXPECT_FALSE(places_.may_place(id(0), failed) || places_.may_place(id(0), placed));
  EXPECT_THAT(only<tell_evicted_command>(parts_.take()), IsEmpty());
}

}  // namespace
}  // namespace tierpager::test
