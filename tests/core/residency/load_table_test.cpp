// The table of loads alone: queues, which loads may be joined, and how they end.
#include <gmock/gmock.h>

#include <core/residency/load_table.hpp>
#include <tests/core/residency/told_requests.hpp>

namespace tierpager::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class load_table_alone : public testing::Test {
 protected:
  load& begin(std::uint32_t number, bool ahead = false) {
    load& coming = loads_.add(id(number));
    coming.ahead = ahead;
    return coming;
  }
  load& begin_to_vram(std::uint32_t number, bool ahead = false) {
    load& coming = begin(number, ahead);
    coming.to_vram = true;
    parts_.now.slots.set_state(id(number), tier::vram, slot_state::loading);
    promised_.add({.id = id(number), .ahead = ahead});
    return coming;
  }

  small_ledger parts_{{page, page, page, page}, pages(2, 2)};
  evictor evictor_{parts_.now};
  reservations promised_{parts_.now};
  victim_search search_{parts_.now, evictor_, promised_};
  room_maker rooms_{parts_.now, evictor_, search_, promised_};
  told_requests requests_;
  load_table loads_{parts_.now, evictor_, search_, rooms_, promised_, requests_};
};

TEST_F(load_table_alone, lets_what_is_asked_for_wait_before_what_is_loaded_ahead) {
  begin(0, true);
  begin(1);
  begin(2);
  for (std::uint32_t number : {0U, 1U, 2U}) loads_.wait_for_stage(id(number));
  EXPECT_THAT(loads_.staging(), ElementsAre(id(1), id(2), id(0)));
  loads_.ask_for(id(0), *loads_.find(id(0)));
  EXPECT_FALSE(loads_.find(id(0))->ahead);
  begin(3);
  loads_.wait_first(id(3), tier::ram);
  EXPECT_THAT(loads_.staging(), ElementsAre(id(3), id(1), id(2), id(0)));
}

TEST_F(load_table_alone, lets_a_load_be_joined_unless_it_failed_or_leaves_nothing_in_ram) {
  load& coming = begin(0);
  EXPECT_TRUE(loads_.joinable(id(0), tier::ram) && loads_.joinable(id(1), tier::ram));
  ASSERT_TRUE(loads_.stage(id(0), coming));
  evictor_.evict(id(0), tier::ram, eviction_reason::room);
  EXPECT_TRUE(loads_.passes(id(0), coming));
  EXPECT_FALSE(loads_.joinable(id(0), tier::ram));
  EXPECT_TRUE(loads_.joinable(id(0), tier::vram));
  coming.failed = failure{.code = errc::read_failed, .what = "no"};
  EXPECT_FALSE(loads_.joinable(id(0), tier::vram));
}

TEST_F(load_table_alone, knows_whether_somebody_waits_for_a_load_that_waits_for_room) {
  begin_to_vram(0, true);
  loads_.wait_for_place(id(0), false);
  EXPECT_FALSE(loads_.any_awaited());
  begin_to_vram(1);
  loads_.wait_for_place(id(1), true);
  EXPECT_TRUE(loads_.any_awaited());
  EXPECT_THAT(loads_.placing(), ElementsAre(id(1), id(0)));
  loads_.placed(id(1));
  EXPECT_FALSE(loads_.any_awaited());
}

TEST_F(load_table_alone, frees_what_a_failed_load_took_once_its_last_answer_has_come) {
  load& coming = begin_to_vram(0);
  loads_.wait_for_place(id(0), false);
  ASSERT_TRUE(loads_.stage(id(0), coming));
  EXPECT_FALSE(loads_.none_goes_on());
  loads_.fail(id(0), coming, {.code = errc::closed, .what = "why"});
  EXPECT_THAT(requests_.failures, SizeIs(1));
  EXPECT_THAT(loads_.placing(), IsEmpty());
  ASSERT_NE(loads_.find(id(0)), nullptr) << "a read is under way";
  coming.chunks.read_done(0, false, false);
  loads_.clean_up(id(0), coming);
  EXPECT_EQ(loads_.find(id(0)), nullptr);
  EXPECT_EQ(parts_.now.memory.ram.arena().allocated_bytes(), 0U);
  EXPECT_THAT(promised_.unplaced(), IsEmpty());
}

TEST_F(load_table_alone, stages_anew_what_waits_in_memory_that_will_not_come) {
  load& first = begin(0);
  load& second = begin(1);
  ASSERT_TRUE(loads_.stage(id(0), first) && loads_.stage(id(1), second));
  load& third = begin(2);
  ASSERT_TRUE(loads_.stage(id(2), third));
  EXPECT_TRUE(loads_.any_stage_waits());
  EXPECT_THAT(loads_.waiting_for_stages(), ElementsAre(id(2)));
  loads_.stage_anew_from(0);
  EXPECT_FALSE(loads_.any_stage_waits());
  EXPECT_THAT(loads_.staging(), ElementsAre(id(2)));
  EXPECT_FALSE(third.in_ram.exists());
}

}  // namespace
}  // namespace tierpager::test
