// The table of slots alone: states, uses, pins and places, and the sums that follow from them.
#include <gmock/gmock.h>

#include <tests/core/residency/parts_by_hand.hpp>

namespace tierpager::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class slot_table_alone : public testing::Test {
 protected:
  slot_table::sums const& vram() const { return slots_.sum(tier::vram); }

  catalog tensors_ = tensors_of({page, 2 * page, 100, 0});
  slot_table slots_{tensors_, 256, page};
};

TEST_F(slot_table_alone, rounds_what_a_tensor_takes_up_to_the_alignment_of_its_tier) {
  EXPECT_EQ(slots_.footprint(id(2), tier::vram), 256U);
  EXPECT_EQ(slots_.footprint(id(2), tier::ram), page);
  EXPECT_THAT(*slots_.footprints(tier::vram), ElementsAre(page, 2 * page, 256U, 0U));
  EXPECT_EQ(slots_.at(id(3), tier::vram).state, slot_state::resident) << "what is empty is always there";
}

TEST_F(slot_table_alone, counts_a_tensor_as_coming_until_it_is_used_and_as_lasting_then) {
  slots_.set_state(id(1), tier::vram, slot_state::loading);
  EXPECT_EQ(vram().coming_bytes, 2 * page);
  slots_.begin_use(id(1), tier::vram);
  slots_.begin_use(id(1), tier::vram);
  EXPECT_EQ(vram().coming_bytes, 0U);
  EXPECT_EQ(vram().lasting_bytes, 2 * page);
  slots_.set_state(id(1), tier::vram, slot_state::resident);
  EXPECT_EQ(vram().resident_bytes, 2 * page);
  slots_.end_use(id(1), tier::vram);
  EXPECT_EQ(vram().held_tensors, 1U);
  slots_.end_use(id(1), tier::vram);
  EXPECT_EQ(vram().held_bytes(), 0U);
  EXPECT_EQ(vram().held_tensors, 0U);
  slots_.set_absent(id(1), tier::vram);
  EXPECT_EQ(vram().resident_tensors, 0U);
}

TEST_F(slot_table_alone, holds_a_pin_only_once_it_is_fixed_and_there) {
  slots_.set_pinned(id(0), tier::vram, true);
  EXPECT_EQ(vram().pinned_bytes, page);
  EXPECT_EQ(slots_.largest_unpinned_bytes(tier::vram), 2 * page);
  slots_.set_fixed(id(0), tier::vram, true);
  EXPECT_EQ(vram().lasting_bytes, 0U);
  slots_.set_state(id(0), tier::vram, slot_state::resident);
  EXPECT_EQ(vram().lasting_bytes, page);
  slots_.set_pinned(id(1), tier::vram, true);
  EXPECT_EQ(slots_.largest_unpinned_bytes(tier::vram), 256U);
  slots_.set_pinned(id(0), tier::vram, false);
  slots_.set_fixed(id(0), tier::vram, false);
  EXPECT_EQ(vram().pinned_bytes, 2 * page);
  EXPECT_EQ(vram().lasting_bytes, 0U);
}

TEST_F(slot_table_alone, keeps_the_latest_use_of_each_of_three_streams_and_forgets_what_is_over) {
  fence_clock fences;
  for (fence const use : {fence{1, 1}, fence{2, 1}, fence{3, 1}, fence{1, 4}, fence{3, 2}})
    slots_.add_last_use(id(0), use, fences);
  EXPECT_THAT(slots_.last_uses(id(0)), UnorderedElementsAre(fence{1, 4}, fence{2, 1}, fence{3, 2}));
  fences.passed({2, 9});
  slots_.add_last_use(id(0), {4, 1}, fences);
  EXPECT_THAT(slots_.last_uses(id(0)), UnorderedElementsAre(fence{1, 4}, fence{3, 2}, fence{4, 1}));
  EXPECT_TRUE(slots_.any_last_use(id(0), [](fence use) { return use.stream == 3; }));
  slots_.set_absent(id(0), tier::vram);
  EXPECT_THAT(slots_.last_uses(id(0)), IsEmpty());
}

TEST_F(slot_table_alone, knows_what_lies_in_a_range_and_tells_buffers_from_tensors) {
  slots_.set_range(id(0), tier::ram, {0, page});
  slots_.add_buffer(id(1), {page, 2 * page});
  EXPECT_THAT(slots_.lying_in({0, 2 * page}, tier::ram), ElementsAre(id(0), id(1)));
  EXPECT_TRUE(slots_.is_buffer({id(1), {page, 2 * page}}));
  EXPECT_FALSE(slots_.is_buffer({id(0), {0, page}}));
  EXPECT_EQ(slots_.buffers(), 1U);
  slots_.remove_buffer({page, 2 * page});
  slots_.set_range(id(0), tier::ram, {});
  EXPECT_THAT(slots_.lying_in({0, 4 * page}, tier::ram), IsEmpty());
}

TEST_F(slot_table_alone, lists_what_was_loaded_ahead_in_the_order_in_which_it_began) {
  slots_.set_ahead(id(1), true);
  slots_.set_ahead(id(0), true);
  EXPECT_THAT(slots_.ahead(), ElementsAre(id(1), id(0)));
  EXPECT_EQ(slots_.ahead_bytes(), 3 * page);
  slots_.set_ahead(id(1), false);
  EXPECT_THAT(slots_.ahead(), ElementsAre(id(0)));
  EXPECT_EQ(slots_.ahead_bytes(), page);
}

TEST_F(slot_table_alone, keeps_an_unproven_use_in_the_tier_until_it_is_proved) {
  slots_.set_state(id(0), tier::vram, slot_state::resident);
  slots_.set_unproven(id(0), true);
  EXPECT_TRUE(held(slots_.at(id(0), tier::vram)));
  EXPECT_EQ(vram().lasting_bytes, page);
  slots_.set_unproven(id(0), false);
  EXPECT_EQ(vram().lasting_bytes, 0U);
}

TEST(distinct, names_each_tensor_of_a_set_once_in_ascending_order) {
  std::vector<tensor_id> const set{id(3), id(1), id(3), id(0)};
  EXPECT_THAT(distinct(set), ElementsAre(id(0), id(1), id(3)));
}

}  // namespace
}  // namespace tierpager::test
