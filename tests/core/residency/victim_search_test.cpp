// The search for victims alone: first in the order of eviction, cheapest windows, and questions about last uses.
#include <gmock/gmock.h>

#include <core/residency/victim_search.hpp>
#include <tests/core/residency/parts_by_hand.hpp>

namespace tierpager::test {
namespace {

using testing::IsEmpty;
using testing::SizeIs;
using may_leave = victim_search::may_leave;
using use_state = victim_search::use_state;

class victim_search_alone : public testing::Test {
 protected:
  explicit victim_search_alone(char const* policy = "lru")
      : made_({page, page, page, page, 2 * page}, pages(4, 5), policy) {
    for (std::uint32_t number = 0; number < 4; ++number) made_.put(id(number), tier::vram);
  }

  small_ledger made_;
  evictor evictor_{made_.now};
  reservations promised_{made_.now};
  victim_search search_{made_.now, evictor_, promised_};
};
class adaptive_victim_search : public victim_search_alone {
 protected:
  adaptive_victim_search() : victim_search_alone("auto") {}
};

TEST_F(victim_search_alone, passes_over_what_may_not_leave) {
  EXPECT_EQ(search_.first_victim(tier::vram), id(0));
  made_.now.slots.begin_use(id(0), tier::vram);
  EXPECT_EQ(search_.first_victim(tier::vram), id(1));
  for (std::uint32_t number : {1U, 2U, 3U}) made_.now.slots.begin_use(id(number), tier::vram);
  EXPECT_FALSE(search_.first_victim(tier::vram));
}

TEST_F(victim_search_alone, fixes_a_pin_that_it_meets) {
  made_.now.slots.set_pinned(id(0), tier::vram, true);
  EXPECT_EQ(search_.first_victim(tier::vram), id(1));
  EXPECT_TRUE(made_.now.slots.at(id(0), tier::vram).fixed);
}

TEST_F(victim_search_alone, finds_the_neighbours_that_cost_least) {
  evictor_.touch(id(0), tier::vram);
  auto const window = search_.cheapest(tier::vram, 2 * page, false, may_leave::running_too);
  ASSERT_TRUE(window);
  EXPECT_EQ(window->range, (byte_range{page, 2 * page})) << "1 and 2 were used least recently";
}

TEST_F(victim_search_alone, takes_a_hole_where_there_is_one_and_spares_what_is_kept) {
  std::vector<tensor_id> const kept{id(1), id(2)};
  EXPECT_FALSE(search_.cheapest(tier::vram, 2 * page, false, may_leave::running_too, kept));
  evictor_.evict(id(3), tier::vram, eviction_reason::room);
  auto const hole = search_.cheapest(tier::vram, page, false, may_leave::running_too);
  ASSERT_TRUE(hole);
  EXPECT_EQ(hole->range, (byte_range{3 * page, page}));
}

TEST_F(victim_search_alone, lets_an_unused_pin_leave_only_where_it_is_told_to) {
  for (std::uint32_t number = 0; number < 4; ++number) {
    made_.now.slots.set_pinned(id(number), tier::vram, true);
    made_.now.slots.set_fixed(id(number), tier::vram, true);
  }
  EXPECT_FALSE(search_.cheapest(tier::vram, page, false, may_leave::running_too));
  EXPECT_TRUE(search_.cheapest(tier::vram, page, false, may_leave::pinned_too));
}

// Of tensors used once "auto" lets the one leave first that was used last: 3, then 2.
TEST_F(adaptive_victim_search, asks_about_the_last_uses_of_the_first_in_line_once) {
  for (std::uint32_t const number : {2U, 3U}) {  // on two streams, so that both count
    made_.now.fences.used({number, 1}, true);
    made_.now.slots.add_last_use(id(number), {number, 1}, made_.now.fences);
  }
  EXPECT_EQ(search_.last_use_of(id(3)), use_state::unknown);
  EXPECT_TRUE(search_.ask_in_order(false));
  auto const asked = only<ask_command>(made_.take());
  ASSERT_THAT(asked, SizeIs(2));
  EXPECT_EQ(asked[0].about, (fence{3, 1}));
  made_.now.fences.running({3, 1});
  EXPECT_EQ(search_.last_use_of(id(3)), use_state::running);
  made_.now.fences.passed({2, 1});
  EXPECT_EQ(search_.last_use_of(id(2)), use_state::over);
  EXPECT_FALSE(search_.ask_in_order(false)) << "the first that is not known to run is over";
  EXPECT_THAT(only<ask_command>(made_.take()), IsEmpty());
}

TEST_F(adaptive_victim_search, chooses_what_is_over_before_what_still_runs) {
  for (std::uint32_t number : {0U, 1U}) {
    made_.now.fences.used({number + 1, 1}, true);
    made_.now.slots.add_last_use(id(number), {number + 1, 1}, made_.now.fences);
    made_.now.fences.running({number + 1, 1});
  }
  auto const over = search_.choose(page, false);
  ASSERT_TRUE(over.window);
  EXPECT_FALSE(over.running);
  EXPECT_GE(over.window->range.offset, 2 * page);
  for (std::uint32_t number : {2U, 3U}) made_.now.slots.begin_use(id(number), tier::vram);
  auto const running = search_.choose(page, false);
  ASSERT_TRUE(running.window);
  EXPECT_TRUE(running.running);
}

}  // namespace
}  // namespace tierpager::test
