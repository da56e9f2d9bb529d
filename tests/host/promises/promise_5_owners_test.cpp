// Promise 5, of those who wait: an acquire that only its own owner's handles block fails at once and says which; one that
// others block waits, and its deadline says who holds what. The owner is the thread, or a token.
#include <gmock/gmock.h>

#include <tests/support/paged_reading.hpp>

namespace tierpager::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using ids = std::vector<tensor_id>;

constexpr tensor_id id(std::uint32_t number) { return tensor_id{number}; }

struct promise_5_owners : testing::Test {
  static constexpr std::uint64_t bytes = 2 * page;

  watchdog const limit{"a test of promise 5"};
  pattern_model model = make_pattern_model(12, bytes);
  host_stream stream, other;
  pager paged{model.tensors,
              model.source,
              jittery_device(),
              {.vram = tierpager::bytes(4 * bytes), .ram = tierpager::bytes(16 * bytes)}};

  failure refused(ids const& set, host_stream& on, wait_options const& wait = {}) {
    return failure_of([&] { return paged.acquire(set, on, wait); })
        .value_or(failure{.code = errc{}, .what = "granted"});
  }
  // In a thread that holds nothing: whether it would have to wait even for what is resident.
  bool somebody_waits(tensor_id resident) {
    bool refused = false;
    std::jthread([&] { refused = !paged.try_acquire(resident, other); }).join();
    return refused;
  }
  void expect_granted(ids const& set) { EXPECT_EQ(paged.acquire(set, stream).size(), set.size()); }
};

TEST_F(promise_5_owners, that_block_themselves_are_told_at_once_what_they_hold) {
  std::vector<handle> held = paged.acquire(ids{id(0), id(1), id(2)}, stream);
  failure const why = refused({id(4), id(5)}, stream);
  EXPECT_EQ(why.code, errc::would_deadlock);
  EXPECT_EQ(why.tensor, "t4");
  EXPECT_THAT(why.what, HasSubstr("wants 16384 bytes more, 24576 of 32768 bytes of VRAM are held; thread "));
  EXPECT_THAT(why.what, HasSubstr(" (which asks) holds 24576 bytes: 't0', 't1', 't2'"));
  EXPECT_EQ(paged.stats().disk_reads, 3U);
  held.pop_back();
  expect_granted({id(4), id(5)});
}

TEST_F(promise_5_owners, that_block_themselves_are_told_so_whatever_others_hold_and_want) {
  handle const theirs = paged.acquire(id(9), other, {.owner = new_owner()});
  std::vector<handle> held = paged.acquire(ids{id(0), id(1), id(2)}, stream);
  EXPECT_EQ(refused({id(4)}, stream, no_wait()).code, errc::timed_out);  // the other's room would do
  failure const why = refused({id(4), id(5)}, stream);
  EXPECT_EQ(why.code, errc::would_deadlock);
  EXPECT_THAT(why.what,
              AllOf(HasSubstr("holds 24576 bytes: 't0', 't1', 't2'; owner "), HasSubstr("holds 8192 bytes: 't9'")));
}

TEST_F(promise_5_owners, may_take_what_others_hold_however_much_they_hold_themselves) {
  handle const theirs = paged.acquire(id(9), other, {.owner = new_owner()});
  std::vector<handle> const held = paged.acquire(ids{id(0), id(1), id(2)}, stream);
  expect_granted({id(9), id(2)});
}

TEST_F(promise_5_owners, are_blocked_by_pins_as_by_their_own_handles_once_these_have_come) {
  paged.pin(id(9), tier::vram);
  std::vector<handle> held = paged.acquire(ids{id(0), id(1), id(2)}, stream);
  paged.pin(id(8), tier::vram);
  EXPECT_EQ(refused({id(4), id(5)}, stream).code, errc::would_deadlock);
  (void)paged.acquire(id(9), stream);
  failure const why = refused({id(4)}, stream);
  EXPECT_EQ(why.code, errc::would_deadlock);
  EXPECT_THAT(why.what, HasSubstr("32768 of 32768 bytes of VRAM are held, 8192 of them by no handle"));
  paged.unpin(id(9), tier::vram);
  expect_granted({id(4)});
}

TEST_F(promise_5_owners, that_a_smaller_budget_leaves_no_room_are_told_while_they_wait) {
  std::optional<handle> theirs = paged.acquire(id(9), other, {.owner = new_owner()});
  failure why;
  std::vector<handle> held;
  std::jthread waiter([&] {
    held = paged.acquire(ids{id(0), id(1), id(2)}, stream);
    why = refused({id(4)}, stream);
  });
  eventually([&] { return somebody_waits(id(9)); });
  paged.set_budget(tier::vram, tierpager::bytes(3 * bytes));
  waiter.join();
  EXPECT_EQ(why.code, errc::would_deadlock);
}

TEST_F(promise_5_owners, that_block_each_other_see_both_sides_when_the_deadline_passes) {
  owner_id const first = new_owner(), second = new_owner();
  std::vector<handle> const mine = paged.acquire(ids{id(0), id(1)}, stream, {.owner = first});
  std::vector<handle> const theirs = paged.acquire(ids{id(2), id(3)}, other, {.owner = second});
  failure theirs_failed;
  failure mine_failed;
  {
    std::jthread waiter([&](std::stop_token const& stop) {
      theirs_failed = refused({id(6), id(7)}, other, {.stop = stop, .owner = second});
    });
    eventually([&] { return somebody_waits(id(0)); });
    mine_failed = refused({id(5)}, stream, no_wait(first));
  }
  auto const named = [](owner_id owner) { return "owner " + std::to_string(static_cast<std::uint64_t>(owner)); };
  EXPECT_EQ(theirs_failed.code, errc::cancelled);
  EXPECT_EQ(mine_failed.code, errc::timed_out);
  EXPECT_EQ(mine_failed.tensor, "t5");
  EXPECT_THAT(
      mine_failed.what,
      HasSubstr("the deadline of acquire passed: wants 8192 bytes more, 32768 of 32768 bytes of VRAM are held; " +
                named(first) + " (which asks) holds 16384 bytes: 't0', 't1'; " + named(second) +
                " holds 16384 bytes: 't2', 't3', and waits for 't6', 't7'; before it waits " + named(second)));
}

TEST_F(promise_5_owners, are_listed_with_the_largest_of_many_tensors) {
  std::vector<handle> const held = paged.acquire(ids{id(0), id(1), id(2)}, stream);
  paged.set_budget(tier::vram, tierpager::bytes(8 * bytes));
  std::vector<handle> const more = paged.acquire(ids{id(3), id(4), id(5), id(6)}, stream);
  EXPECT_THAT(refused({id(7), id(8)}, stream).what, HasSubstr("holds 57344 bytes: 't0', 't1', 't2', 't3' and 3 more"));
}

TEST_F(promise_5_owners, are_one_where_threads_share_a_token_and_two_where_a_thread_uses_two) {
  owner_id const shared = new_owner();
  std::vector<handle> held;
  std::jthread([&] { held = paged.acquire(ids{id(0), id(1), id(2)}, other, {.owner = shared}); }).join();
  EXPECT_EQ(refused({id(4), id(5)}, stream, {.owner = shared}).code, errc::would_deadlock);
  EXPECT_EQ(refused({id(4), id(5)}, stream, no_wait()).code, errc::timed_out);
  EXPECT_EQ(refused({id(4), id(5)}, stream, no_wait(new_owner())).code, errc::timed_out);
  EXPECT_EQ(refused({id(4), id(5)}, stream, {.owner = shared}).code, errc::would_deadlock);
}

TEST_F(promise_5_owners, whose_other_thread_took_more_are_told_while_they_wait) {
  owner_id const shared = new_owner();
  handle const theirs = paged.acquire(id(9), other, {.owner = new_owner()});
  handle const first = paged.acquire(id(0), stream, {.owner = shared});
  (void)paged.acquire(ids{id(1), id(2)}, stream);
  std::optional<errc> outcome;
  std::jthread waiter([&] { outcome = refused({id(4), id(5), id(6)}, other, {.owner = shared}).code; });
  eventually([&] { return somebody_waits(id(9)); });
  handle const second = paged.acquire(id(1), stream, {.owner = shared});  // a hit
  waiter.join();
  EXPECT_EQ(outcome, errc::would_deadlock);
}

TEST_F(promise_5_owners, whose_handles_another_thread_releases_wait_for_it_from_then_on) {
  std::vector<handle> held = paged.acquire(ids{id(0), id(1), id(2), id(3)}, stream);
  EXPECT_EQ(refused({id(4)}, stream).code, errc::would_deadlock);
  std::jthread([one = std::move(held.back())]() mutable { one.release(); }).join();
  held.back() = paged.acquire(id(4), stream);
  EXPECT_EQ(refused({id(5)}, stream, no_wait()).code, errc::timed_out);
  std::jthread const releaser([&, one = std::move(held.back())]() mutable {
    eventually([&] { return somebody_waits(id(0)); });
    one.release();
  });
  expect_granted({id(5)});
  // Of the other threads nothing of the kind is known.
  held.clear();
  std::jthread([&] {
    std::vector<handle> const theirs = paged.acquire(ids{id(0), id(1), id(2), id(3)}, other);
    EXPECT_EQ(refused({id(4)}, other).code, errc::would_deadlock);
  }).join();
}

TEST_F(promise_5_owners, that_are_tokens_block_themselves_whichever_thread_releases) {
  owner_id const token = new_owner();
  std::vector<handle> held = paged.acquire(ids{id(0), id(1), id(2), id(3)}, stream, {.owner = token});
  std::jthread([one = std::move(held.back())]() mutable { one.release(); }).join();
  EXPECT_EQ(refused({id(4), id(5)}, stream, {.owner = token}).code, errc::would_deadlock);
}

TEST_F(promise_5_owners, of_a_shared_handle_are_the_sharing_thread_or_the_same_token) {
  handle mine = paged.acquire(id(0), stream);
  handle const token_s = paged.acquire(id(1), stream, {.owner = new_owner()});
  handle theirs;
  failure told;
  std::jthread([&] {
    theirs = mine.share();
    mine.release();  // which lifts the rule for the thread that acquired it, not for this one
    handle const another = token_s.share();
    std::vector<handle> const more = paged.acquire(ids{id(2), id(3)}, other);
    told = refused({id(4), id(5)}, other);
  }).join();
  EXPECT_EQ(told.code, errc::would_deadlock);
  EXPECT_THAT(told.what,
              AllOf(HasSubstr("(which asks) holds 24576 bytes: 't0', 't2', 't3'"), HasSubstr("8192 bytes: 't1'")));
}

TEST_F(promise_5_owners, are_told_apart_beyond_256_threads) {
  handle const held = paged.acquire(id(0), stream);
  (void)paged.acquire(id(1), stream);
  {
    std::jthread const waiter([&](std::stop_token const& stop) {
      (void)refused({id(4), id(5), id(6), id(7)}, other, {.stop = stop});
    });
    eventually([&] { return somebody_waits(id(1)); });
    unsigned let_past = 0;
    for (unsigned i = 0; i < 300; ++i)
      if (!somebody_waits(id(1))) ++let_past;
    EXPECT_EQ(let_past, 0U);
    EXPECT_TRUE(paged.try_acquire(id(1), stream));  // only who holds something
  }
}

TEST_F(promise_5_owners, that_block_themselves_in_ram_are_told_so_too) {
  pager small{model.tensors,
              model.source,
              jittery_device(),
              {.vram = tierpager::bytes(4 * bytes), .ram = tierpager::bytes(2 * bytes)}};
  handle const first = small.acquire_host(id(0));
  {
    handle const second = small.acquire_host(id(1));
    failure const why = failure_of([&] { return small.acquire_host(id(2)); }).value();
    EXPECT_EQ(why.code, errc::would_deadlock);
    EXPECT_THAT(why.what, HasSubstr("wants 8192 bytes more, 16384 of 16384 bytes of RAM are held"));
    // Nor is anything left to load through into VRAM, though there is room.
    failure const loading = failure_of([&] { return small.acquire(id(3), stream); }).value();
    EXPECT_EQ(loading.code, errc::would_deadlock);
    EXPECT_EQ(loading.tensor, "t3");
    EXPECT_THAT(loading.what, AllOf(HasSubstr("no RAM to load through"), HasSubstr("holds 16384 bytes: 't0', 't1'")));
    failure const late = failure_of([&] { return small.acquire(id(3), stream, no_wait(new_owner())); }).value();
    EXPECT_EQ(late.code, errc::timed_out);
    EXPECT_THAT(late.what, AllOf(HasSubstr("before there was RAM to load through"), HasSubstr("'t0', 't1'"),
                                 Not(HasSubstr("which asks"))));
    EXPECT_TRUE(small.acquire(id(1), stream));  // of what is there a copy can be made
  }
  EXPECT_TRUE(small.acquire(id(3), stream));
}

TEST(promise_5_new_owner, is_another_one_each_time) {
  EXPECT_NE(new_owner(), new_owner());
  EXPECT_NE(new_owner(), owner_id::this_thread);
}

}  // namespace
}  // namespace tierpager::test
