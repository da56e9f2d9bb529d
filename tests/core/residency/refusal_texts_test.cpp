// The errors of acquires alone: what is wanted, what is held, by whom, and what that owner waits for.
#include <gmock/gmock.h>

#include <core/owner.hpp>
#include <core/residency/refusal_texts.hpp>
#include <tests/core/residency/told_requests.hpp>

namespace tierpager::test {
namespace {

using testing::HasSubstr;

constexpr owner_id asks{101}, holds{102};

class refusal_texts_alone : public testing::Test {
 protected:
  void hold(std::uint32_t number, owner_id owner) {
    parts_.put(id(number), tier::vram);
    parts_.now.slots.begin_use(id(number), tier::vram);
    book_.held.add(owner, id(number), tier::vram);
  }

  small_ledger parts_{{page, 2 * page, page, page}, pages(4, 4)};
  evictor evictor_{parts_.now};
  reservations promised_{parts_.now};
  victim_search search_{parts_.now, evictor_, promised_};
  room_maker rooms_{parts_.now, evictor_, search_, promised_};
  told_requests requests_;
  load_table loads_{parts_.now, evictor_, search_, rooms_, promised_, requests_};
  request_book book_;
  refusal_texts texts_{parts_.now, loads_, book_};
};

TEST_F(refusal_texts_alone, name_the_owner_that_asks_first_then_who_holds_most_and_waits_for_what) {
  hold(0, asks);
  hold(1, holds);
  request_id ticket{};
  book_.add(ticket, {.ids = {id(3)}, .where = tier::vram, .owner = holds});
  request const asked{.ids = {id(2), id(3)}, .where = tier::vram, .owner = asks};
  failure const why = texts_.no_room(errc::would_deadlock, "no room", asked);
  EXPECT_EQ(why.code, errc::would_deadlock);
  EXPECT_THAT(why.what, HasSubstr("no room: wants 8192 bytes more, 12288 of 16384 bytes of VRAM are held; "));
  EXPECT_THAT(why.what, HasSubstr(describe(asks) + " (which asks) holds 4096 bytes: 't0'; " + describe(holds) +
                                  " holds 8192 bytes: 't1', and waits for 't3'"));
  EXPECT_EQ(why.tensor, "t2");
}

TEST_F(refusal_texts_alone, say_how_much_no_handle_holds) {
  parts_.put(id(0), tier::vram);
  parts_.now.slots.set_pinned(id(0), tier::vram, true);
  parts_.now.slots.set_fixed(id(0), tier::vram, true);
  failure const why = texts_.no_room(errc::timed_out, "late", {.ids = {id(2)}, .where = tier::vram, .owner = asks});
  EXPECT_THAT(why.what, HasSubstr("4096 of them by no handle; no handle holds any"));
}

TEST_F(refusal_texts_alone, say_before_whom_an_overdue_request_waits) {
  request_id first{}, second{};
  book_.add(first, {.ids = {id(3)}, .where = tier::vram, .owner = holds});
  book_.add(second, {.ids = {id(2)}, .where = tier::vram, .owner = asks});
  book_.waiting.vram = {first, second};
  EXPECT_THAT(texts_.overdue(second).what, HasSubstr("; before it waits " + describe(holds) + " for 't3'"));
  EXPECT_EQ(texts_.overdue(first).code, errc::timed_out);
}

TEST_F(refusal_texts_alone, say_that_an_overdue_request_is_being_loaded) {
  request_id ticket{};
  book_.add(ticket, {.ids = {id(1), id(2)}, .where = tier::vram, .owner = asks, .admitted = true, .missing = 1});
  loads_.add(id(2)).waiters.push_back(ticket);
  failure const late = texts_.overdue(ticket);
  EXPECT_THAT(late.what, HasSubstr("while it was loaded"));
  EXPECT_EQ(late.tensor, "t2");
  loads_.find(id(2))->starved = true;
  EXPECT_THAT(texts_.overdue(ticket).what, HasSubstr("before there was RAM to load through"));
}

TEST_F(refusal_texts_alone, tell_of_uses_that_nothing_proves) {
  book_.unproven.add(id(0), 1, {.code = errc::device_failed, .what = "the stream is gone"});
  EXPECT_EQ(texts_.unproved().code, errc::device_failed);
  EXPECT_THAT(texts_.unproved().what, HasSubstr("the stream is gone"));
}

}  // namespace
}  // namespace tierpager::test
