// The evictor alone: what may leave, what becomes of its memory, and its rank in the order of eviction.
#include <gmock/gmock.h>

#include <core/residency/evictor.hpp>
#include <tests/core/residency/parts_by_hand.hpp>

namespace tierpager::test {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

class evictor_alone : public testing::Test {
 protected:
  evictor_alone() {
    for (std::uint32_t number : {0U, 1U}) {
      made_.put(id(number), tier::vram);
      made_.put(id(number), tier::ram);
    }
  }
  slot const& vram(std::uint32_t number) const { return made_.now.slots.at(id(number), tier::vram); }

  small_ledger made_{{page, page, page, page}, pages(2, 4), "auto"};
  evictor evictor_{made_.now};
};

TEST_F(evictor_alone, lets_nothing_leave_that_is_in_use_or_on_its_way_to_vram) {
  EXPECT_TRUE(evictor_.evictable(id(0), tier::vram));
  EXPECT_FALSE(evictor_.evictable(id(2), tier::vram)) << "it is not there";
  made_.now.slots.begin_use(id(0), tier::vram);
  EXPECT_FALSE(evictor_.evictable(id(0), tier::vram));
  made_.now.slots.set_state(id(1), tier::vram, slot_state::loading);
  EXPECT_FALSE(evictor_.evictable(id(1), tier::vram));
  made_.now.slots.set_state(id(1), tier::ram, slot_state::loading);
  EXPECT_TRUE(evictor_.evictable(id(1), tier::ram)) << "what is on its way passes through RAM";
}

TEST_F(evictor_alone, frees_memory_behind_the_last_uses_and_the_tensor_s_own_copy) {
  made_.now.slots.add_last_use(id(0), {1, 5}, made_.now.fences);
  made_.now.slots.set_copied(id(0), fence{0, 2});
  byte_range const place = vram(0).range;
  evictor_.evict(id(0), tier::vram, eviction_reason::room);
  auto const commands = made_.take();
  EXPECT_THAT(only<watch_command>(commands), SizeIs(2));
  EXPECT_THAT(only<tell_evicted_command>(commands), SizeIs(1));
  EXPECT_EQ(vram(0).state, slot_state::absent);
  EXPECT_THAT(made_.now.memory.vram.arena().place_at(place)->after,
              testing::UnorderedElementsAre(fence{1, 5}, fence{0, 2}));
  EXPECT_EQ(evictor_.evictions(tier::vram)[static_cast<std::size_t>(eviction_reason::room)], 1U);
}

TEST_F(evictor_alone, counts_what_was_loaded_ahead_for_nothing) {
  made_.now.slots.set_ahead(id(0), true);
  evictor_.evict(id(0), tier::vram, eviction_reason::plan);
  EXPECT_EQ(made_.now.counts.ahead_unused_bytes, page);
  EXPECT_THAT(made_.now.slots.ahead(), testing::IsEmpty());
}

TEST_F(evictor_alone, counts_a_hit_on_what_was_loaded_ahead) {
  made_.now.slots.set_ahead(id(0), true);
  evictor_.touch(id(0), tier::vram);
  EXPECT_EQ(made_.now.counts.vram_ahead, 1U);
  evictor_.touch(id(0), tier::vram);
  EXPECT_EQ(made_.now.counts.vram_ahead, 1U);
}

TEST_F(evictor_alone, ranks_a_host_copy_of_what_is_in_vram_first_until_it_has_left_there) {
  made_.put(id(2), tier::ram);
  evictor_.classify(id(1), tier::ram);
  EXPECT_EQ(made_.now.order.ram.first(), id(1)) << "0 was never classified, 2 is in RAM alone";
  EXPECT_EQ(evictor_.why_from_ram(id(1), eviction_reason::room), eviction_reason::promoted);
  EXPECT_EQ(evictor_.why_from_ram(id(2), eviction_reason::room), eviction_reason::room);
  evictor_.evict(id(1), tier::vram, eviction_reason::room);
  EXPECT_FALSE(made_.now.slots.at(id(1), tier::ram).streamed);
}

TEST_F(evictor_alone, clears_a_range_of_ram_of_tensors_and_of_buffers) {
  auto const placed = made_.now.memory.ram.arena().place(2 * page);
  made_.now.slots.add_buffer(id(3), placed->range);
  evictor_.clear_ram({0, 4 * page}, eviction_reason::room);
  EXPECT_EQ(made_.now.memory.ram.arena().allocated_bytes(), 0U);
  EXPECT_EQ(made_.now.slots.buffers(), 0U);
  EXPECT_EQ(made_.now.slots.at(id(0), tier::ram).state, slot_state::absent);
}

TEST_F(evictor_alone, evicts_a_pin_that_no_handle_holds_where_it_is_told_to) {
  made_.now.slots.set_pinned(id(0), tier::vram, true);
  made_.now.slots.set_fixed(id(0), tier::vram, true);
  EXPECT_FALSE(evictor_.evictable(id(0), tier::vram));
  evictor_.evict_even_pinned(id(0), tier::vram, eviction_reason::room);
  EXPECT_EQ(evictor_.evictions(tier::vram)[static_cast<std::size_t>(eviction_reason::fragmentation)], 1U);
}

}  // namespace
}  // namespace tierpager::test
