// A tier's memory alone: commits at open and in the background, higher and lower budgets, placements that are mapped together,
// and what the system refuses of each.
#include <gmock/gmock.h>

#include <tests/core/residency/parts_by_hand.hpp>

namespace tierpager::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

failure const no_memory{.code = errc::out_of_memory, .what = "no memory"};

class tier_memory_alone : public testing::Test {
 protected:
  tier_memory_alone() : made_({page, page, page, page, page, page}, pages(4, 4)) {}
  tier_memory& vram() { return made_.now.memory.vram; }
  tier_budget& budget() { return made_.now.budget.vram; }
  remap_command asked() {
    auto const remaps = only<remap_command>(made_.take());
    EXPECT_THAT(remaps, SizeIs(1));
    return remaps.empty() ? remap_command{} : remaps.front();
  }

  small_ledger made_;
};

TEST_F(tier_memory_alone, is_committed_as_far_as_the_budget_goes_when_it_opens) {
  EXPECT_EQ(vram().arena().committed_bytes(), 4 * page);
  EXPECT_EQ(vram().arena().peak_bytes(), 4 * page);
  EXPECT_TRUE(vram().at_rest() && !vram().remaps());
}

TEST_F(tier_memory_alone, commits_what_a_higher_budget_adds_once) {
  budget().ask_for(6 * page);
  vram().retarget();
  EXPECT_FALSE(vram().at_rest());
  vram().grow(false);
  vram().grow(false);
  EXPECT_EQ(asked().commits.front().bytes, 2 * page);
  EXPECT_TRUE(vram().resizing());
  EXPECT_TRUE(vram().remapped(0, 1, {}).came);
  EXPECT_EQ(vram().arena().committed_bytes(), 6 * page);
  EXPECT_TRUE(vram().at_rest());
}

TEST_F(tier_memory_alone, commits_nothing_on_a_lost_device) {
  budget().ask_for(6 * page);
  vram().retarget();
  vram().grow(true);
  EXPECT_THAT(made_.take(), IsEmpty());
}

TEST_F(tier_memory_alone, tries_a_refused_piece_granule_by_granule_and_then_makes_do) {
  budget().ask_for(6 * page);
  vram().retarget();
  vram().grow(false);
  (void)asked();
  EXPECT_EQ(vram().remapped(0, 0, no_memory).refused_bytes, 2 * page);
  EXPECT_TRUE(vram().grow_by_granules(2 * page));
  EXPECT_THAT(asked().commits, SizeIs(2));
  auto const second = vram().remapped(0, 1, no_memory);
  EXPECT_EQ(second.refused_bytes, page);
  EXPECT_FALSE(vram().grow_by_granules(second.refused_bytes));
  vram().make_do();
  EXPECT_EQ(budget().target_bytes(), 5 * page);
}

TEST_F(tier_memory_alone, gives_free_granules_back_until_a_lower_target_holds) {
  made_.put(id(0), tier::vram);
  budget().ask_for(2 * page);
  vram().retarget();
  EXPECT_FALSE(vram().give_back());
  EXPECT_THAT(asked().decommits, ElementsAre(byte_range{2 * page, 2 * page}));
  EXPECT_EQ(vram().pending_bytes(page), 2 * page);
  (void)vram().remapped(1, 0, {});
  EXPECT_TRUE(vram().give_back());
  vram().reach_target();
  EXPECT_EQ(vram().pending_bytes(page), 0U);
}

TEST_F(tier_memory_alone, does_not_try_again_what_failed_for_another_reason_before_something_changes) {
  budget().ask_for(2 * page);
  vram().retarget();
  (void)vram().give_back();
  (void)asked();
  (void)vram().remapped(0, 0, failure{.code = errc::device_failed, .what = "no"});
  EXPECT_FALSE(vram().give_back());
  EXPECT_THAT(made_.take(), IsEmpty());
  EXPECT_EQ(vram().arena().committed_bytes(), 4 * page);
  vram().retarget();
  EXPECT_FALSE(vram().give_back());
  EXPECT_THAT(made_.take(), SizeIs(1));
}

TEST_F(tier_memory_alone, opens_piece_by_piece_in_the_background_and_halves_what_is_refused) {
  small_ledger made({page, page}, {.vram = {.present = false}, .ram = {}});
  ledger fresh(made.tensors, {.vram = {.present = false}, .ram = {}}, make_eviction_policy("lru", 2).value(),
               make_eviction_policy("lru", 2).value());
  fence const use{.stream = 7, .sequence = 1};
  fresh.memory.ram.commit_in_background([&] { return use; });
  EXPECT_EQ(fresh.memory.ram.arena().committed_bytes(), 2 * page) << "decisions take it as there";
  EXPECT_TRUE(fresh.memory.ram.arena().draining()) << "but it is in use until it has come";
  auto told = fresh.memory.ram.remapped(0, 0, no_memory);
  EXPECT_FALSE(told.opened || !told.missing.empty());
  fresh.memory.ram.commit_next();
  EXPECT_FALSE(fresh.memory.ram.remapped(0, 1, {}).opened) << "the second half is still to come";
  fresh.memory.ram.commit_next();
  told = fresh.memory.ram.remapped(0, 0, no_memory);
  ASSERT_THAT(told.missing, SizeIs(1));
  EXPECT_EQ(told.missing.front().range, (byte_range{page, page}));
  EXPECT_TRUE(told.missing.front().last);
  fresh.memory.ram.do_without(told.missing);
  fresh.memory.ram.make_do();
  EXPECT_EQ(fresh.memory.ram.arena().committed_bytes(), page);
}

TEST_F(tier_memory_alone, says_which_load_a_remap_was_for_and_takes_its_place_back_where_it_failed) {
  for (std::uint32_t number : {0U, 1U, 2U}) made_.put(id(number), tier::vram);
  auto const placed = vram().arena().place_by_remap(2 * page, 5 * page);
  ASSERT_TRUE(placed && !placed->commits.empty());
  vram().remap_for(id(1), *placed);
  EXPECT_EQ(vram().serves(), id(1));
  EXPECT_FALSE(vram().resizing());
  auto const told = vram().remapped(placed->decommits.size(), 0, no_memory);
  EXPECT_EQ(told.serves, id(1));
  EXPECT_FALSE(told.came);
  EXPECT_FALSE(vram().remaps());
  EXPECT_EQ(vram().arena().allocated_bytes(), 3 * page);
}

TEST_F(tier_memory_alone, counts_quarantined_memory_until_it_is_free) {
  auto const placed = vram().arena().place(page);
  vram().quarantine(placed->range);
  EXPECT_EQ(vram().quarantined_bytes(), page);
  vram().end_quarantine(placed->range, {});
  EXPECT_EQ(vram().quarantined_bytes(), 0U);
  EXPECT_EQ(vram().arena().allocated_bytes(), 0U);
}

}  // namespace
}  // namespace tierpager::test
