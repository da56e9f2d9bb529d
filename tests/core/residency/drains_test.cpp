// What loads leave behind, alone: stages that copies still read, and quarantine until the order of a failed copy is proved.
#include <gmock/gmock.h>

#include <core/residency/drains.hpp>
#include <tests/core/residency/parts_by_hand.hpp>

namespace tierpager::test {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

constexpr fence first_stage{.stream = 0, .sequence = 1}, second_stage{.stream = 1, .sequence = 1};

class drains_alone : public testing::Test {
 protected:
  byte_range take_place(tier where) { return made_.now.memory[where].arena().place(page)->range; }

  small_ledger made_{{page, page, page, page}, pages(4, 4)};
  reservations promised_{made_.now};
  drains drains_{made_.now, promised_};
};

TEST_F(drains_alone, end_the_use_of_a_stage_once_its_last_copy_has_passed_the_earliest_first) {
  drains_.add({0, 3}, first_stage);
  drains_.add({0, 5}, second_stage);
  EXPECT_THAT(only<watch_command>(made_.take()), SizeIs(2));
  EXPECT_FALSE(drains_.take_over());
  made_.now.fences.passed({0, 4});
  EXPECT_EQ(drains_.take_over(), first_stage);
  EXPECT_FALSE(drains_.take_over() || drains_.nothing_passes());
  made_.now.fences.passed({0, 5});
  EXPECT_EQ(drains_.take_over(), second_stage);
  EXPECT_TRUE(drains_.nothing_passes());
}

TEST_F(drains_alone, settle_once_at_a_time_and_only_where_something_is_unproved) {
  drains_.settle_if_needed();
  EXPECT_THAT(made_.take(), IsEmpty());
  drains_.quarantine_vram(take_place(tier::vram));
  drains_.settle_if_needed();
  drains_.settle_if_needed();
  EXPECT_THAT(only<settle_command>(made_.take()), SizeIs(1));
  drains_.settle_failed();
  EXPECT_EQ(made_.now.memory.vram.quarantined_bytes(), page);
  drains_.settle_if_needed();
  EXPECT_THAT(only<settle_command>(made_.take()), SizeIs(1));
}

TEST_F(drains_alone, prove_what_was_there_when_the_fence_was_asked_for_and_ask_again_for_the_rest) {
  drains_.quarantine_vram(take_place(tier::vram));
  drains_.add_unproved(first_stage, take_place(tier::ram));
  drains_.settle_if_needed();
  drains_.quarantine_vram(take_place(tier::vram));
  (void)made_.take();
  drains_.settled({0, 8});
  EXPECT_EQ(made_.now.memory.vram.quarantined_bytes(), page) << "the second came too late";
  EXPECT_EQ(made_.now.memory.ram.quarantined_bytes(), 0U);
  EXPECT_THAT(only<settle_command>(made_.take()), SizeIs(1));
  EXPECT_TRUE(made_.now.memory.vram.arena().draining()) << "the place is in use until the fence has passed";
  made_.now.fences.passed({0, 8});
  EXPECT_EQ(drains_.take_over(), first_stage);
}

TEST_F(drains_alone, end_with_the_device) {
  drains_.quarantine_vram(take_place(tier::vram));
  drains_.add_unproved(first_stage, take_place(tier::ram));
  drains_.settle_if_needed();
  made_.now.fences.device_lost();
  drains_.device_lost();
  EXPECT_EQ(made_.now.memory.vram.quarantined_bytes() + made_.now.memory.ram.quarantined_bytes(), 0U);
  EXPECT_EQ(drains_.take_over(), first_stage);
  drains_.settled({0, 1});  // an answer that comes late
  EXPECT_FALSE(drains_.settling());
}

}  // namespace
}  // namespace tierpager::test
