// Stages alone: the places in RAM that loads get, and how they wait for earlier loads there.
#include <gmock/gmock.h>

#include <core/residency/stages.hpp>
#include <tests/core/residency/parts_by_hand.hpp>

namespace tierpager::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// RAM of two pages.
class stages_alone : public testing::Test {
 protected:
  std::vector<tensor_id> end(fence use, std::vector<fence> const& before = {}) {
    std::vector<tensor_id> ready;
    stages_.end_use(use, before, [&](tensor_id each) { ready.push_back(each); });
    return ready;
  }

  small_ledger parts_{{page, page, page, 3 * page}, pages(4, 2)};
  evictor evictor_{parts_.now};
  reservations promised_{parts_.now};
  victim_search search_{parts_.now, evictor_, promised_};
  room_maker rooms_{parts_.now, evictor_, search_, promised_};
  stages stages_{parts_.now, evictor_, search_, rooms_, promised_};
};

TEST_F(stages_alone, are_the_tensor_s_own_place_in_ram_where_it_fits) {
  load coming;
  ASSERT_TRUE(stages_.place(id(0), coming));
  EXPECT_EQ(coming.in_ram.range.bytes, page);
  EXPECT_FALSE(coming.in_ram.buffered);
  EXPECT_EQ(parts_.now.slots.at(id(0), tier::ram).state, slot_state::loading);
  EXPECT_TRUE(stages_.await(id(0), coming)) << "nothing uses it";
  EXPECT_TRUE(stages_.stays_in_ram(id(0), coming));
}

TEST_F(stages_alone, are_a_buffer_of_two_chunks_where_it_does_not) {
  load coming;
  ASSERT_TRUE(stages_.place(id(3), coming));
  EXPECT_TRUE(coming.in_ram.buffered);
  EXPECT_EQ(coming.in_ram.range.bytes, 2 * page);
  EXPECT_EQ(parts_.now.slots.buffers(), 1U);
  EXPECT_FALSE(stages_.stays_in_ram(id(3), coming));
  EXPECT_EQ(parts_.now.slots.at(id(3), tier::ram).state, slot_state::absent);
}

TEST_F(stages_alone, wait_for_the_load_that_had_the_place_before_which_passes_through) {
  load first, second, third;
  ASSERT_TRUE(stages_.place(id(0), first) && stages_.place(id(1), second));
  ASSERT_TRUE(stages_.place(id(2), third));
  EXPECT_TRUE(stages_.passes(id(0), first)) << "its place has gone to another";
  EXPECT_FALSE(stages_.await(id(2), third));
  EXPECT_TRUE(third.in_ram.waits && stages_.any_waiting());
  EXPECT_THAT(end(second.in_ram.use), IsEmpty());
  EXPECT_THAT(end(first.in_ram.use), ElementsAre(id(2)));
}

TEST_F(stages_alone, pass_on_what_a_load_waited_for_that_never_read) {
  load first, second, third;
  ASSERT_TRUE(stages_.place(id(0), first) && stages_.place(id(1), second));
  ASSERT_TRUE(stages_.place(id(2), third));
  (void)stages_.await(id(2), third);
  evictor_.evict(id(2), tier::ram, eviction_reason::room);
  load fourth;
  ASSERT_TRUE(stages_.place(id(0), fourth));
  EXPECT_FALSE(stages_.await(id(0), fourth));
  stages_.stop_waiting(third);
  auto const before = stages_.leave_behind(id(2), third);
  EXPECT_THAT(before, ElementsAre(first.in_ram.use));
  EXPECT_THAT(end(third.in_ram.use, before), IsEmpty()) << "the first load is still there";
  EXPECT_THAT(end(first.in_ram.use), ElementsAre(id(0)));
}

TEST_F(stages_alone, are_starved_where_handles_hold_all_of_ram) {
  for (std::uint32_t number : {0U, 1U}) {
    parts_.put(id(number), tier::ram);
    parts_.now.slots.begin_use(id(number), tier::ram);
  }
  load coming;
  EXPECT_FALSE(stages_.place(id(2), coming));
  EXPECT_TRUE(coming.starved);
  load ahead;
  ahead.ahead = true;
  EXPECT_FALSE(stages_.place(id(2), ahead) || ahead.starved) << "nobody waits for a load ahead";
  EXPECT_FALSE(stages_.has_room_ahead(id(2)));
}

TEST_F(stages_alone, are_given_up_by_the_load_that_still_owns_them) {
  load coming;
  ASSERT_TRUE(stages_.place(id(0), coming));
  EXPECT_TRUE(stages_.give_up(id(0), coming));
  EXPECT_EQ(parts_.now.slots.at(id(0), tier::ram).state, slot_state::absent);
  parts_.now.memory.ram.arena().free(coming.in_ram.range, {});
  load buffered;
  ASSERT_TRUE(stages_.place(id(3), buffered));
  evictor_.free_buffer(buffered.in_ram.range);
  EXPECT_FALSE(stages_.give_up(id(3), buffered)) << "its buffer is another's";
}

}  // namespace
}  // namespace tierpager::test
