#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <stdexcept>
#include <vector>

#include <host/threading.hpp>

namespace tierpager::fibers {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t seeds = 300;

// Runs that seed's schedule of the body; all of it must end.
outcome played(std::uint64_t seed, std::function<void()> body, std::function<bool()> step_device = {}) {
  return run({.seed = seed, .steps_max = 20'000, .step_device = std::move(step_device)}, std::move(body));
}

void expect_finished(std::function<void()> const& body) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    outcome const ended = played(seed, body);
    ASSERT_TRUE(ended.finished) << "seed " << seed << ": " << ended.why;
  }
}

/// The first reason why a schedule did not finish; empty if all did.
std::string first_failure(std::function<void()> const& body) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed)
    if (outcome const ended = played(seed, body); !ended.finished) return ended.why;
  return {};
}

TEST(fibers, take_turns_at_what_a_mutex_guards_and_lose_updates_without_one) {
  std::set<int> with, without;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    for (bool const guarded : {true, false}) {
      int value = 0;
      outcome const ended = played(seed, [&] {
        annotated_mutex mutex;
        auto const add = [&] {
          for (int i = 0; i < 3; ++i) {
            std::optional<scoped_lock> const lock =
                guarded ? std::optional<scoped_lock>(std::in_place, mutex) : std::nullopt;
            int const read = value;
            give_way("between reading and writing");
            value = read + 1;
          }
        };
        thread worker(add), other(add);
        worker.join();
        other.join();
      });
      ASSERT_TRUE(ended.finished) << ended.why;
      (guarded ? with : without).insert(value);
    }
  }
  EXPECT_EQ(with, std::set<int>{6});
  EXPECT_GE(without.size(), 3U);
}

TEST(fibers, report_two_locks_taken_in_two_orders) {
  std::string const why = first_failure([] {
    annotated_mutex first, second;
    thread worker([&] {
      scoped_lock const a(first);
      scoped_lock const b(second);
    });
    thread other([&] {
      scoped_lock const b(second);
      scoped_lock const a(first);
    });
    worker.join();
    other.join();
  });
  EXPECT_THAT(why, HasSubstr("deadlock"));
  EXPECT_THAT(why, HasSubstr("wants a mutex that 3 holds"));
}

TEST(fibers, report_a_notification_that_came_before_the_wait) {
  EXPECT_THAT(first_failure([] {
                annotated_mutex mutex;
                condition wake;
                thread other([&] { wake.notify_all(); });
                {
                  scoped_lock const lock(mutex);
                  wake.wait(mutex);
                }
                other.join();
              }),
              HasSubstr("waits on a condition"));
}

TEST(fibers, report_a_run_without_an_end) {
  outcome const ended = played(1, [] {
    for (;;) sleep_for(std::chrono::microseconds(1));
  });
  EXPECT_FALSE(ended.finished);
  EXPECT_THAT(ended.why, HasSubstr("no end after 20000 steps"));
}

TEST(fibers, end_a_wait_by_notification_by_its_limit_by_a_stop_or_for_no_reason) {
  std::uint64_t notified = 0, timed_out = 0, stopped = 0, in_time = 0, without_reason = 0;
  expect_finished([&] {
    annotated_mutex mutex;
    condition wake;
    std::stop_source stop;
    bool told = false;
    thread other([&] {
      scoped_lock const lock(mutex);
      told = true;
      wake.notify_one();
    });
    thread stopper([&] { stop.request_stop(); });
    {
      scoped_lock const lock(mutex);
      auto const how = wake.wait_for(mutex, std::chrono::microseconds(20));
      (how == std::cv_status::timeout ? timed_out : notified) += 1;
      without_reason += how == std::cv_status::no_timeout && !told ? 1 : 0;
      while (!told) wake.wait(mutex);
    }
    {
      scoped_lock const lock(mutex);
      bool const over =
          wake.wait_until(mutex, stop.get_token(), std::chrono::steady_clock::now(), [] { return false; });
      EXPECT_FALSE(over);
      (stop.stop_requested() ? stopped : in_time) += 1;
    }
    other.join();
    stopper.join();
  });
  EXPECT_GT(notified, 0U);
  EXPECT_GT(timed_out, 0U);
  EXPECT_GT(stopped, 0U);
  EXPECT_GT(in_time, 0U);
  EXPECT_EQ(without_reason, 0U);  // one that has a limit ends by it
}

TEST(fibers, find_a_wait_that_trusts_whoever_wakes_it) {
  std::uint64_t too_early = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    outcome const ended = played(seed, [&] {
      annotated_mutex mutex;
      condition wake;
      bool told = false;
      thread other([&] {
        for (int i = 0; i < 20; ++i) give_way("working");
        scoped_lock const lock(mutex);
        told = true;
        wake.notify_all();
      });
      {
        scoped_lock const lock(mutex);
        if (!told) wake.wait(mutex);
        too_early += told ? 0 : 1;
      }
      other.join();
    });
    ASSERT_TRUE(ended.finished) << ended.why;
  }
  EXPECT_GT(too_early, 0U);
}

TEST(fibers, keep_exceptions_in_flight_apart) {
  expect_finished([] {
    auto const work = [](int number) {
      for (int i = 0; i < 3; ++i) {
        try {
          struct gives_way_while_unwinding {
            ~gives_way_while_unwinding() { give_way("unwinding"); }
          } const guard;
          throw number;
        } catch (int caught) {
          give_way("in a handler");
          EXPECT_EQ(caught, number);
          EXPECT_EQ(std::uncaught_exceptions(), 0);
          try {
            throw;
          } catch (int again) {
            EXPECT_EQ(again, number);
          }
        }
      }
    };
    thread worker([&] { work(1); }), other([&] { work(2); });
    worker.join();
    other.join();
  });
}

TEST(fibers, report_an_exception_that_nobody_caught) {
  EXPECT_THAT(first_failure([] { throw std::runtime_error("of nobody"); }), HasSubstr("of nobody"));
}

TEST(fibers, run_what_the_device_has_queued) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    int queued = 5;
    outcome const ended = played(
        seed,
        [&] {
          while (queued > 0) sleep_for(std::chrono::microseconds(50));
        },
        [&] { return queued > 0 && queued-- > 0; });
    ASSERT_TRUE(ended.finished) << ended.why;
  }
}

TEST(fibers, take_the_same_steps_for_the_same_seed) {
  std::set<std::uint64_t> traces;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    auto const body = [] {
      std::vector<thread> threads;
      for (int i = 0; i < 4; ++i)
        threads.emplace_back([] {
          for (int step = 0; step < 5; ++step) give_way("working");
        });
      for (thread& each : threads) each.join();
    };
    outcome const once = played(seed, body);
    EXPECT_EQ(once.trace, played(seed, body).trace);
    traces.insert(once.trace);
  }
  EXPECT_GE(traces.size(), 45U);
}

}  // namespace
}  // namespace tierpager::fibers
