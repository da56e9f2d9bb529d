// The rules of admission alone: what fits ever, what has room now, and who stands in whose way.
#include <gmock/gmock.h>

#include <core/residency/admission_rules.hpp>
#include <tests/core/residency/told_requests.hpp>

namespace tierpager::test {
namespace {

using testing::HasSubstr;

constexpr owner_id first_owner{101}, second_owner{102};

// VRAM of three pages.
class admission_rules_alone : public testing::Test {
 protected:
  void hold(std::uint32_t number, owner_id owner) {
    if (parts_.now.slots.at(id(number), tier::vram).state == slot_state::absent) parts_.put(id(number), tier::vram);
    parts_.now.slots.begin_use(id(number), tier::vram);
    book_.held.add(owner, id(number), tier::vram);
  }
  static std::vector<tensor_id> set(std::initializer_list<std::uint32_t> numbers) {
    std::vector<tensor_id> ids;
    for (std::uint32_t const number : numbers) ids.push_back(id(number));
    return ids;
  }

  small_ledger parts_{{page, page, page, page, page}, pages(3, 5)};
  evictor evictor_{parts_.now};
  reservations promised_{parts_.now};
  victim_search search_{parts_.now, evictor_, promised_};
  room_maker rooms_{parts_.now, evictor_, search_, promised_};
  told_requests requests_;
  load_table loads_{parts_.now, evictor_, search_, rooms_, promised_, requests_};
  request_book book_;
  admission_rules rules_{parts_.now, evictor_, search_, promised_, loads_, book_};
};

TEST_F(admission_rules_alone, refuse_what_no_pager_would_take) {
  EXPECT_TRUE(rules_.is_valid(set({0, 4}), tier::vram).ok());
  EXPECT_EQ(rules_.is_valid({}, tier::vram).error().code, errc::invalid_argument);
  EXPECT_EQ(rules_.is_valid(set({5}), tier::vram).error().code, errc::unknown_tensor);
}

TEST_F(admission_rules_alone, refuse_a_set_that_never_fits_beside_the_pins_with_the_least_that_would_do) {
  EXPECT_TRUE(rules_.fits_ever(set({0, 1, 2}), tier::vram).ok());
  status const refused = rules_.fits_ever(set({0, 1, 2, 3}), tier::vram);
  EXPECT_EQ(refused.error().code, errc::budget_too_small);
  EXPECT_THAT(refused.error().what, HasSubstr("needs at least " + std::to_string(4 * page) + " bytes"));
  parts_.now.slots.set_pinned(id(4), tier::vram, true);
  EXPECT_FALSE(rules_.fits_ever(set({0, 1, 2}), tier::vram).ok());
  EXPECT_TRUE(rules_.fits_ever(set({4, 1, 2}), tier::vram).ok()) << "a pin is counted once";
}

TEST_F(admission_rules_alone, have_room_for_what_fits_beside_all_that_is_held) {
  hold(0, first_owner);
  hold(1, first_owner);
  EXPECT_TRUE(rules_.has_room(set({2}), tier::vram));
  EXPECT_FALSE(rules_.has_room(set({2, 3}), tier::vram));
  EXPECT_TRUE(rules_.has_room(set({0, 1, 2, 2}), tier::vram)) << "what is held takes nothing more";
  EXPECT_EQ(rules_.newly_held_bytes(set({0, 2, 2}), tier::vram), page);
}

TEST_F(admission_rules_alone, let_only_owners_of_handles_pass_a_request_that_waits) {
  EXPECT_TRUE(rules_.may_pass(tier::vram, first_owner));
  request_id ticket{};
  book_.add(ticket, {.ids = set({0}), .where = tier::vram, .owner = second_owner});
  book_.waiting.vram.push_back(ticket);
  EXPECT_FALSE(rules_.may_pass(tier::vram, first_owner));
  EXPECT_TRUE(rules_.may_pass(tier::ram, first_owner));
  hold(1, first_owner);
  EXPECT_TRUE(rules_.may_pass(tier::vram, first_owner));
}

TEST_F(admission_rules_alone, say_whose_own_handles_leave_no_room) {
  hold(0, first_owner);
  hold(1, first_owner);
  hold(2, second_owner);
  request const asked{.ids = set({3, 4}), .where = tier::vram, .owner = first_owner};
  EXPECT_TRUE(rules_.blocked_by_own_handles(asked));
  request const other{.ids = set({3, 4}), .where = tier::vram, .owner = second_owner};
  EXPECT_FALSE(rules_.blocked_by_own_handles(other)) << "once the first owner lets go there is room";
  book_.held.released_elsewhere(first_owner);
  EXPECT_FALSE(rules_.blocked_by_own_handles(asked)) << "another thread may release them";
}

TEST_F(admission_rules_alone, know_whether_a_handle_may_still_be_released) {
  EXPECT_FALSE(rules_.may_release_vram());
  hold(0, first_owner);
  EXPECT_TRUE(rules_.may_release_vram());
  request_id ticket{};
  book_.add(ticket, {.ids = set({1}), .where = tier::vram, .owner = first_owner});
  EXPECT_FALSE(rules_.may_release_vram()) << "its owner waits itself";
}

TEST_F(admission_rules_alone, call_a_request_stuck_that_only_proof_could_help) {
  for (std::uint32_t number : {0U, 1U, 2U}) {
    parts_.put(id(number), tier::vram);
    parts_.now.slots.set_unproven(id(number), true);
    book_.unproven.add(id(number), number, {.code = errc::device_failed, .what = "no fence"});
  }
  request const asked{.ids = set({3}), .where = tier::vram, .owner = first_owner};
  EXPECT_FALSE(rules_.has_room(asked.ids, tier::vram));
  EXPECT_TRUE(rules_.stuck(asked));
  parts_.now.slots.begin_use(id(0), tier::vram);
  parts_.now.slots.begin_use(id(1), tier::vram);
  parts_.now.slots.begin_use(id(2), tier::vram);
  EXPECT_FALSE(rules_.stuck(asked)) << "handles stand in the way too";
}

TEST_F(admission_rules_alone, know_when_nothing_more_comes) {
  EXPECT_TRUE(rules_.nothing_comes());
  (void)parts_.now.fences.ask({1, 1});
  EXPECT_FALSE(rules_.nothing_comes());
  parts_.now.fences.passed({1, 1});
  parts_.now.cursor.await_plan(true);
  EXPECT_FALSE(rules_.nothing_comes());
}

}  // namespace
}  // namespace tierpager::test
