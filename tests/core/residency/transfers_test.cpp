// Loads from their beginning to their end, without requests: a fake stands for those that wait.
#include <gmock/gmock.h>

#include <core/residency/transfers.hpp>
#include <tests/core/residency/told_requests.hpp>

namespace tierpager::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

// VRAM of two pages, RAM of three; tensors of a page, and one of two chunks.
class transfers_alone : public testing::Test {
 protected:
  load& start(std::uint32_t number, tier where) {
    load& coming = transfers_.start(id(number), where, false);
    coming.waiters.push_back(request_id{1});
    return coming;
  }
  void read(std::uint32_t number) { transfers_.read_done(id(number), 0, {}); }
  void copy(std::uint32_t number) {
    (void)transfers_.place_waiting();
    transfers_.copy_queued(id(number), 0, {0, ++copies_});
  }
  void load_whole(std::uint32_t number) {
    start(number, tier::vram);
    read(number);
    copy(number);
    pass();
  }
  void pass() {
    parts_.now.fences.passed({0, copies_});
    parts_.now.memory.vram.arena().passed({0, copies_});
    transfers_.loads().fences_passed();
  }
  slot const& vram(std::uint32_t number) const { return parts_.now.slots.at(id(number), tier::vram); }
  slot const& ram(std::uint32_t number) const { return parts_.now.slots.at(id(number), tier::ram); }

  small_ledger parts_{{page, page, page, 2 * page}, pages(2, 3)};
  evictor evictor_{parts_.now};
  reservations promised_{parts_.now};
  victim_search search_{parts_.now, evictor_, promised_};
  room_maker rooms_{parts_.now, evictor_, search_, promised_};
  told_requests requests_;
  transfers transfers_{parts_.now, evictor_, search_, rooms_, promised_, requests_};
  std::uint64_t copies_ = 0;
};

TEST_F(transfers_alone, bring_a_tensor_from_the_file_through_ram_to_vram) {
  start(0, tier::vram);
  EXPECT_THAT(only<read_command>(parts_.take()), SizeIs(1));
  EXPECT_EQ(vram(0).state, slot_state::loading);
  read(0);
  EXPECT_EQ(ram(0).state, slot_state::resident);
  EXPECT_TRUE(transfers_.place_waiting());
  EXPECT_THAT(only<copy_command>(parts_.take()), SizeIs(1));
  transfers_.copy_queued(id(0), 0, {0, 1});
  EXPECT_EQ(vram(0).state, slot_state::resident);
  EXPECT_TRUE(vram(0).copying);
  EXPECT_THAT(requests_.came, ElementsAre(std::pair(id(0), tier::ram), std::pair(id(0), tier::vram)));
  EXPECT_EQ(transfers_.loads().find(id(0)), nullptr);
  EXPECT_FALSE(transfers_.loads().left_behind().nothing_passes()) << "the copy still reads RAM";
  copies_ = 1;
  pass();
  EXPECT_TRUE(transfers_.loads().left_behind().nothing_passes());
  EXPECT_EQ(parts_.now.counts.bytes_from_disk, page);
  EXPECT_EQ(parts_.now.counts.bytes_to_device, page);
}

TEST_F(transfers_alone, copy_what_is_in_ram_without_reading_it) {
  parts_.put(id(1), tier::ram);
  start(1, tier::vram);
  EXPECT_THAT(only<read_command>(parts_.take()), IsEmpty());
  (void)transfers_.place_waiting();
  EXPECT_THAT(only<copy_command>(parts_.take()), SizeIs(1));
  EXPECT_EQ(parts_.now.counts.bytes_from_disk, 0U);
}

TEST_F(transfers_alone, end_in_ram_where_vram_is_not_wanted) {
  start(0, tier::ram);
  read(0);
  EXPECT_EQ(transfers_.loads().find(id(0)), nullptr);
  EXPECT_THAT(requests_.came, ElementsAre(std::pair(id(0), tier::ram)));
}

TEST_F(transfers_alone, fail_with_a_read_and_take_nothing_from_vram) {
  load_whole(0);
  load_whole(1);
  start(2, tier::vram);
  EXPECT_FALSE(transfers_.place_waiting()) << "what is not read takes no victim's place";
  transfers_.read_done(id(2), 0, failure{.code = errc::read_failed, .what = "EIO"});
  ASSERT_THAT(requests_.failures, SizeIs(1));
  EXPECT_EQ(requests_.failures[0].tensor, "t2");
  EXPECT_EQ(transfers_.loads().find(id(2)), nullptr);
  EXPECT_EQ(vram(2).state, slot_state::absent);
  EXPECT_EQ(vram(0).state, slot_state::resident);
  EXPECT_EQ(parts_.now.counts.bytes_from_disk, 2 * page) << "what was not read is taken off";
  EXPECT_EQ(parts_.now.counts.failed_loads, 1U);
}

TEST_F(transfers_alone, quarantine_what_a_failed_copy_may_have_touched_until_it_is_settled) {
  start(0, tier::vram);
  read(0);
  (void)transfers_.place_waiting();
  (void)parts_.take();
  transfers_.copy_failed(id(0), 0, failure{.code = errc::device_failed, .what = "no"}, true);
  EXPECT_EQ(parts_.now.memory.vram.quarantined_bytes(), page);
  EXPECT_EQ(ram(0).state, slot_state::resident) << "it was read to its end";
  EXPECT_THAT(only<settle_command>(parts_.take()), SizeIs(1));
  transfers_.settled({0, 7});
  EXPECT_EQ(parts_.now.memory.vram.quarantined_bytes(), 0U);
  EXPECT_TRUE(parts_.now.memory.vram.arena().draining());
}

TEST_F(transfers_alone, fail_where_no_handle_will_ever_let_go) {
  load_whole(0);
  load_whole(1);
  for (std::uint32_t number : {0U, 1U}) parts_.now.slots.begin_use(id(number), tier::vram);
  start(2, tier::vram);
  read(2);
  EXPECT_TRUE(transfers_.place_waiting());
  ASSERT_THAT(requests_.failures, SizeIs(1));
  EXPECT_EQ(requests_.failures[0].code, errc::blocked_by_handles);
}

TEST_F(transfers_alone, give_up_a_load_ahead_that_has_no_place_and_keep_what_was_read) {
  load_whole(0);
  load_whole(1);
  parts_.now.slots.set_ahead(id(2), true);
  transfers_.start(id(2), tier::vram, true);
  read(2);
  EXPECT_TRUE(transfers_.loads().give_up_waiting_ahead());
  EXPECT_FALSE(transfers_.loads().give_up_waiting_ahead());
  EXPECT_EQ(vram(2).state, slot_state::absent);
  EXPECT_EQ(ram(2).state, slot_state::resident);
  EXPECT_EQ(transfers_.loads().find(id(2)), nullptr);
}

TEST_F(transfers_alone, drop_a_load_that_nobody_waits_for_before_it_is_read) {
  for (std::uint32_t number : {0U, 1U, 2U}) {
    parts_.put(id(number), tier::ram);
    parts_.now.slots.begin_use(id(number), tier::ram);
  }
  load& coming = start(3, tier::vram);
  EXPECT_FALSE(transfers_.none_waiting_for_room());
  coming.waiters.clear();
  EXPECT_TRUE(transfers_.stage_waiting());
  EXPECT_TRUE(transfers_.none_waiting_for_room());
  EXPECT_EQ(parts_.now.counts.bytes_from_disk, 0U);
  EXPECT_FALSE(promised_.any_awaited());
}

TEST_F(transfers_alone, end_with_the_device) {
  start(0, tier::vram);
  read(0);
  (void)transfers_.place_waiting();
  parts_.now.fences.device_lost();
  transfers_.device_lost({.code = errc::device_lost, .what = "lost"});
  EXPECT_THAT(requests_.failures, SizeIs(1));
  EXPECT_NE(transfers_.loads().find(id(0)), nullptr) << "its copy is still to be answered";
  transfers_.copy_failed(id(0), 0, {.code = errc::device_lost, .what = "lost"}, true);
  EXPECT_EQ(transfers_.loads().find(id(0)), nullptr);
  EXPECT_EQ(parts_.now.memory.vram.arena().allocated_bytes(), 0U);
}

}  // namespace
}  // namespace tierpager::test
