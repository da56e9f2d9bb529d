// Admission without a residency core above it: who is let in at once, who waits, and how requests end.
#include <gmock/gmock.h>

#include <core/residency/admission.hpp>
#include <tests/core/residency/parts_by_hand.hpp>

namespace tierpager::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr owner_id first_owner{101}, second_owner{102};

// VRAM of two pages.
class admission_alone : public testing::Test {
 protected:
  request_id ask(std::initializer_list<std::uint32_t> numbers, owner_id owner) {
    std::vector<tensor_id> ids;
    for (std::uint32_t const number : numbers) ids.push_back(id(number));
    bool const may_pass = admission_.may_pass(tier::vram, owner);
    return admission_.add({.ids = ids, .where = tier::vram, .owner = owner}, may_pass);
  }
  /// Reads and copies all that is under way.
  void load_all() {
    for (auto all = parts_.take(); !all.empty(); all = parts_.take()) {
      for (read_command const& read : only<read_command>(all))
        admission_.loads().read_done(read.tensor, read.chunk, {});
      (void)admission_.loads().place_waiting();
      for (copy_command const& copy : only<copy_command>(all))
        admission_.loads().copy_queued(copy.tensor, copy.chunk, {0, ++copies_});
      for (grant_command const& grant : only<grant_command>(all)) granted_.push_back(grant.request);
      for (reject_command const& reject : only<reject_command>(all)) rejected_.push_back(reject.request);
    }
  }
  void let_go(std::uint32_t number, owner_id owner) { admission_.end_use(id(number), tier::vram, owner); }
  [[nodiscard]] std::uint32_t uses(std::uint32_t number) const {
    return parts_.now.slots.at(id(number), tier::vram).uses;
  }

  small_ledger parts_{{page, page, page, page}, pages(2, 4)};
  evictor evictor_{parts_.now};
  reservations promised_{parts_.now};
  victim_search search_{parts_.now, evictor_, promised_};
  room_maker rooms_{parts_.now, evictor_, search_, promised_};
  admission admission_{parts_.now, evictor_, search_, rooms_, promised_};
  std::uint64_t copies_ = 0;
  std::vector<request_id> granted_, rejected_;
};

TEST_F(admission_alone, grants_a_set_once_all_of_it_is_there) {
  request_id const asked = ask({0, 1}, first_owner);
  EXPECT_EQ(uses(0) + uses(1), 2U) << "what is admitted is held";
  load_all();
  EXPECT_THAT(granted_, ElementsAre(asked));
  EXPECT_EQ(parts_.now.counts.disk_reads, 2U);
}

TEST_F(admission_alone, lets_a_set_wait_as_a_whole_while_there_is_no_room_for_all_of_it) {
  (void)ask({0, 1}, first_owner);
  load_all();
  request_id const waits = ask({1, 2}, second_owner);
  EXPECT_EQ(uses(1), 1U) << "until it is admitted it holds nothing";
  EXPECT_FALSE(admission_.admit_waiting(tier::vram));
  let_go(0, first_owner);
  EXPECT_TRUE(admission_.admit_waiting(tier::vram));
  load_all();
  EXPECT_THAT(granted_, testing::Contains(waits));
  EXPECT_TRUE(admission_.none_waiting(tier::vram));
}

TEST_F(admission_alone, admits_in_the_order_in_which_requests_came) {
  (void)ask({0, 1}, first_owner);
  load_all();
  request_id const large = ask({2, 3}, second_owner);
  request_id const small = ask({2}, owner_id{103});
  let_go(0, first_owner);
  EXPECT_FALSE(admission_.admit_waiting(tier::vram)) << "the small one does not overtake";
  let_go(1, first_owner);
  EXPECT_TRUE(admission_.admit_waiting(tier::vram));
  load_all();
  EXPECT_THAT(granted_, testing::Contains(large));
  EXPECT_THAT(granted_, testing::Contains(small)) << "it shares a tensor that is held";
}

TEST_F(admission_alone, joins_a_load_under_way) {
  (void)ask({0}, first_owner);
  (void)ask({0}, second_owner);
  EXPECT_THAT(only<read_command>(parts_.take()), SizeIs(1));
  admission_.loads().read_done(id(0), 0, {});
  (void)admission_.loads().place_waiting();
  admission_.loads().copy_queued(id(0), 0, {0, 1});
  EXPECT_THAT(only<grant_command>(parts_.take()), SizeIs(2));
  EXPECT_EQ(parts_.now.counts.disk_reads, 1U);
  EXPECT_EQ(parts_.now.counts.vram_hits, 1U) << "it was on its way";
}

TEST_F(admission_alone, refuses_every_request_that_waits_for_a_load_that_fails) {
  request_id const set = ask({0, 1}, first_owner);
  request_id const other = ask({0}, second_owner);
  (void)parts_.take();
  admission_.loads().read_done(id(0), 0, failure{.code = errc::read_failed, .what = "EIO"});
  std::vector<request_id> rejected;
  for (reject_command const& reject : only<reject_command>(parts_.take())) rejected.push_back(reject.request);
  EXPECT_THAT(rejected, ElementsAre(set, other));
  EXPECT_EQ(uses(0) + uses(1), 0U);
  EXPECT_THAT(admission_.book().requests, IsEmpty());
}

TEST_F(admission_alone, refuses_to_wait_for_its_owner_s_own_handles) {
  (void)ask({0, 1}, first_owner);
  load_all();
  status const refused = admission_.may_wait({.ids = {id(2)}, .where = tier::vram, .owner = first_owner});
  EXPECT_EQ(refused.error().code, errc::would_deadlock);
  EXPECT_TRUE(admission_.may_wait({.ids = {id(2)}, .where = tier::vram, .owner = second_owner}).ok());
}

TEST_F(admission_alone, keeps_an_unproven_use_s_tensor_until_it_is_proved) {
  (void)ask({0}, first_owner);
  load_all();
  admission_.end_unproven_use(id(0), first_owner, 7, {.code = errc::device_failed, .what = "no fence"});
  EXPECT_TRUE(held(parts_.now.slots.at(id(0), tier::vram)));
  EXPECT_FALSE(admission_.prove({1, 1}, 8));
  EXPECT_TRUE(admission_.prove({1, 1}, 7));
  EXPECT_FALSE(held(parts_.now.slots.at(id(0), tier::vram)));
  EXPECT_THAT(parts_.now.slots.last_uses(id(0)), ElementsAre(fence{1, 1}));
}

TEST_F(admission_alone, accepts_nothing_once_it_is_closed) {
  (void)ask({0, 1}, first_owner);
  (void)ask({2}, second_owner);
  admission_.close({.code = errc::closed, .what = "the pager is closed"});
  EXPECT_THAT(only<reject_command>(parts_.take()), SizeIs(2));
  tensor_id const which = id(0);
  EXPECT_EQ(admission_.accepts(std::span(&which, 1), tier::vram).error().code, errc::closed);
}

}  // namespace
}  // namespace tierpager::test
