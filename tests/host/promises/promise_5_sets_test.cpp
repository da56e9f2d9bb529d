// Promise 5: a set is had whole or not at all. What can never fit is refused at once; the rest waits its turn until it
// fits, is cancelled or its deadline passes, and no set starves behind later small ones.
#include <gtest/gtest.h>

#include <tests/support/gated_source.hpp>
#include <tests/support/paged_reading.hpp>

namespace tierpager::test {
namespace {

using ids = std::vector<tensor_id>;

constexpr tensor_id id(std::uint32_t number) { return tensor_id{number}; }

struct promise_5_sets : testing::Test {
  watchdog const limit{"a test of promise 5"};
  pattern_model model = make_pattern_model(10, 2 * page);
  stream_reader reader{model.tensors};
  host_stream stream;
  std::vector<host_stream> streams = std::vector<host_stream>(4);
  pager paged{model.tensors, model.source, jittery_device(), {.vram = bytes(4 * 2 * page), .ram = bytes(20 * page)}};

  // Whether somebody waits: owners that hold nothing no longer get even what is resident.
  bool somebody_waits(tensor_id resident) {
    bool refused = false;
    std::jthread([&] { refused = !paged.try_acquire(resident, streams[3]); }).join();
    return refused;
  }
};

TEST_F(promise_5_sets, of_two_threads_that_overlap_never_each_hold_half) {
  host_stream other;
  std::uint64_t const rounds = under_thread_sanitizer ? 40 : 200;
  auto loop = [&](ids const& set, host_stream& on) {
    for (std::uint64_t i = 0; i < rounds; ++i)
      for (handle const& held : paged.acquire(set, on)) reader.read(held, on);
  };
  {
    std::jthread const first(loop, ids{id(0), id(1), id(2)}, std::ref(stream));
    std::jthread const second(loop, ids{id(2), id(3), id(4)}, std::ref(other));
  }
  stream.synchronize();
  other.synchronize();
  EXPECT_EQ(reader.checked(), rounds * 6);
  EXPECT_EQ(reader.wrong(), 0U);
}

TEST_F(promise_5_sets, come_in_the_order_asked_for_and_may_name_a_tensor_twice) {
  ids const set = {id(7), id(1), id(7), id(3)};
  std::vector<handle> all = paged.acquire(set, stream);
  ASSERT_EQ(all.size(), set.size());
  for (std::size_t i = 0; i < set.size(); ++i) {
    EXPECT_EQ(all[i].id(), set[i]);
    reader.read(all[i], stream);
  }
  EXPECT_EQ(all[0].data(), all[2].data());
  all.erase(all.begin());  // one of the two uses
  EXPECT_EQ(code_of([&] { return paged.acquire(ids{id(4), id(5)}, stream); }), errc::would_deadlock);
  stream.synchronize();
  EXPECT_EQ(reader.wrong(), 0U);
}

TEST_F(promise_5_sets, that_can_never_fit_are_refused_at_once_even_while_others_hold_everything) {
  std::vector<handle> const held = paged.acquire(ids{id(0), id(1), id(2), id(3)}, stream);
  EXPECT_EQ(code_of([&] {
              return paged.acquire(ids{id(4), id(5), id(6), id(7), id(8)}, stream);
            }),
            errc::budget_too_small);
  paged.pin(id(0), tier::vram);
  EXPECT_EQ(code_of([&] { return paged.acquire(ids{id(4), id(5), id(6), id(7)}, stream); }), errc::budget_too_small);
}

TEST_F(promise_5_sets, wait_until_they_fit) {
  std::vector<handle> held = paged.acquire(ids{id(0), id(1), id(2)}, stream);
  EXPECT_EQ(code_of([&] { return paged.acquire(ids{id(4), id(5)}, stream, no_wait(new_owner())); }), errc::timed_out);
  std::jthread waiter([&] {
    for (handle const& each : paged.acquire(ids{id(4), id(5)}, streams[0])) reader.read(each, streams[0]);
  });
  eventually([&] { return somebody_waits(id(0)); });
  EXPECT_EQ(paged.stats().disk_reads, 3U);  // nothing is loaded before its turn
  held.pop_back();
  waiter.join();
  streams[0].synchronize();
  EXPECT_EQ(reader.checked(), 2U);
  EXPECT_EQ(reader.wrong(), 0U);
}

TEST_F(promise_5_sets, hold_nothing_while_they_wait) {
  std::vector<handle> held = paged.acquire(ids{id(0), id(1)}, stream);
  (void)paged.acquire(ids{id(4), id(5)}, stream);
  std::jthread waiter([&] { (void)paged.acquire(ids{id(4), id(5), id(6)}, streams[0]); });
  eventually([&] { return somebody_waits(id(4)); });
  // Who holds something may go on, and takes the places of 4 and 5, though a waiting set names them.
  held.push_back(paged.acquire(id(7), stream));
  held.push_back(paged.acquire(id(8), stream));
  EXPECT_FALSE(paged.resident(id(4), tier::vram));
  EXPECT_FALSE(paged.resident(id(5), tier::vram));
  held.clear();
}

TEST_F(promise_5_sets, do_not_starve_behind_later_small_ones) {
  std::vector<handle> held = paged.acquire(ids{id(0), id(1)}, stream);
  (void)paged.acquire(id(2), stream);
  std::atomic<bool> had_it = false;
  std::jthread big([&] {
    auto const set = paged.acquire(ids{id(4), id(5), id(6), id(7)}, streams[0]);
    had_it = true;
  });
  eventually([&] { return somebody_waits(id(2)); });
  held.pop_back();
  // Small ones that would fit, from threads that hold nothing, for as long as the set waits: it is still served.
  std::atomic<bool> refused = false;
  std::vector<std::jthread> small;
  for (std::size_t i = 1; i < 4; ++i) {
    small.emplace_back([&, i] {
      if (code_of([&] { return paged.acquire(id(2), streams[i], no_wait()); }) == errc::timed_out) refused = true;
    });
  }
  small.clear();
  EXPECT_TRUE(refused);
  EXPECT_FALSE(had_it);
  for (std::size_t i = 1; i < 4; ++i) {
    small.emplace_back([&, i] {
      while (!had_it) (void)paged.acquire(i == 1 ? id(2) : id(8), streams[i]);
    });
  }
  held.clear();
  big.join();
  EXPECT_TRUE(had_it);
}

TEST_F(promise_5_sets, that_wait_are_cancelled_by_a_stop_token) {
  std::vector<handle> const held = paged.acquire(ids{id(0), id(1), id(2), id(3)}, stream);
  std::optional<errc> outcome;
  {
    std::jthread waiter([&](std::stop_token const& stop) {
      outcome = code_of([&] { return paged.acquire(ids{id(4), id(5)}, streams[0], {.stop = stop}); });
    });
    eventually([&] { return somebody_waits(id(0)); });
    waiter.request_stop();
  }
  EXPECT_EQ(outcome, errc::cancelled);
  EXPECT_FALSE(somebody_waits(id(0)));
  std::stop_source stopped;
  stopped.request_stop();
  EXPECT_EQ(code_of([&] { return paged.acquire(id(4), stream, {.stop = stopped.get_token(), .owner = new_owner()}); }),
            errc::cancelled);
}

TEST_F(promise_5_sets, that_wait_end_with_their_deadline) {
  std::vector<handle> const held = paged.acquire(ids{id(0), id(1), id(2), id(3)}, stream);
  auto const until = std::chrono::steady_clock::now() + std::chrono::milliseconds(2);
  EXPECT_EQ(code_of([&] {
              return paged.acquire(ids{id(4), id(5)}, streams[0], {.deadline = until, .owner = new_owner()});
            }),
            errc::timed_out);
  EXPECT_GE(std::chrono::steady_clock::now(), until);
  EXPECT_FALSE(somebody_waits(id(0)));
}

TEST_F(promise_5_sets, that_wait_fail_when_the_pager_is_closed) {
  std::vector<handle> const held = paged.acquire(ids{id(0), id(1), id(2), id(3)}, stream);
  std::optional<errc> outcome;
  std::jthread waiter([&] { outcome = code_of([&] { return paged.acquire(ids{id(4), id(5)}, streams[0]); }); });
  eventually([&] { return somebody_waits(id(0)); });
  paged.close();
  waiter.join();
  EXPECT_EQ(outcome, errc::closed);
}

TEST(promise_5_sets_loading, that_are_cancelled_leave_no_use_behind) {
  watchdog const limit("a cancelled load");
  pattern_model model = make_pattern_model(6, 2 * page);
  stream_reader reader(model.tensors);
  host_stream stream;
  auto gated = std::make_shared<tests::gated_source>(model.source);
  pager paged(model.tensors, gated, jittery_device(), {.vram = bytes(4 * page), .ram = bytes(4 * page)});
  gated->hold();
  std::optional<errc> outcome;
  {
    std::jthread waiter([&](std::stop_token const& stop) {
      outcome = code_of([&] { return paged.acquire(ids{id(0), id(1)}, stream, {.stop = stop}); });
    });
    gated->wait_for_held(2);
    waiter.request_stop();
  }
  EXPECT_EQ(outcome, errc::cancelled);
  gated->release();
  for (handle const& held : paged.acquire(ids{id(2), id(3)}, stream))
    reader.read(held, stream);  // needs all of both tiers
  stream.synchronize();
  EXPECT_EQ(reader.checked(), 2U);
  EXPECT_EQ(reader.wrong(), 0U);
}

TEST(promise_5_sets_loading, that_starve_and_are_given_up_stand_in_nobodys_way) {
  watchdog const limit("a load that nobody wants any more");
  pattern_model model = make_pattern_model(2, page);
  host_stream stream;
  pager paged(model.tensors, model.source, jittery_device(), {.vram = bytes(page), .ram = bytes(page)});
  handle const held = paged.acquire_host(id(0));  // all of RAM, so nothing can be staged
  auto const soon = std::chrono::steady_clock::now() + std::chrono::milliseconds(5);
  EXPECT_EQ(code_of([&] { return paged.acquire(id(1), stream, {.deadline = soon, .owner = new_owner()}); }),
            errc::timed_out);
  stream_reader reader(model.tensors);
  reader.read(paged.acquire(id(0), stream), stream);
  stream.synchronize();
  EXPECT_EQ(reader.wrong(), 0U);
}

// What is held comes first in the order of eviction, so that each search steps past all of it.
TEST(promise_5_sets_beside_handles, find_room_behind_very_many) {
  constexpr std::uint32_t tensors = 2200, in_vram = 2100, held = 2000;
  for (char const* const policy : {"lru", "auto"}) {
    watchdog const limit{"a search behind very many handles"};
    pattern_model const model = make_pattern_model(tensors, page);
    stream_reader reader{model.tensors};
    host_stream stream;
    pager paged{model.tensors,
                model.source,
                jittery_device(),
                {.vram = bytes(in_vram * page), .ram = bytes(in_vram * page), .policy = policy}};
    std::vector<handle> handles;
    for (std::uint32_t i = 0; i < held; ++i) handles.push_back(paged.acquire(id(i), stream));
    for (std::uint32_t i = held; i < tensors; ++i) reader.read(paged.acquire(id(i), stream), stream);
    for (handle const& each : handles) reader.read(each, stream);
    handles.clear();
    stream.synchronize();
    EXPECT_EQ(reader.checked(), tensors);
    EXPECT_EQ(reader.wrong(), 0U);
  }
}

}  // namespace
}  // namespace tierpager::test
