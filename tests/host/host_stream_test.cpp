#include <tierpager/host_stream.hpp>

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <latch>
#include <thread>
#include <vector>

namespace tierpager::tests {
namespace {

TEST(host_stream, runs_its_work_in_order) {
  std::vector<int> order;
  host_stream stream;
  for (int i = 0; i < 1000; ++i) stream.submit([&order, i] { order.push_back(i); });
  stream.synchronize();
  ASSERT_EQ(order.size(), 1000U);
  for (std::size_t i = 0; i < order.size(); ++i) ASSERT_EQ(order[i], static_cast<int>(i));
}

TEST(host_stream, submit_does_not_wait_for_what_is_queued_before_it) {
  std::latch gate(1);
  std::atomic<bool> ran = false;
  host_stream stream;
  stream.submit([&] { gate.wait(); });
  stream.submit([&] { ran = true; });
  EXPECT_FALSE(ran);
  gate.count_down();
  stream.synchronize();
  EXPECT_TRUE(ran);
}

TEST(host_stream, streams_run_beside_each_other) {
  std::latch gate(1);
  host_stream blocked;
  host_stream free;
  blocked.submit([&] { gate.wait(); });
  free.submit([&] { gate.count_down(); });
  blocked.synchronize();
}

TEST(host_stream, each_thread_waits_for_its_own_and_no_longer) {
  std::latch first(1), second(1);
  host_stream stream;
  stream.submit([&] { first.wait(); });
  std::thread waits_for_the_first([&] { stream.synchronize(); });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  stream.submit([&] { second.wait(); });
  std::thread waits_for_both([&] { stream.synchronize(); });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  first.count_down();
  waits_for_the_first.join();
  second.count_down();
  waits_for_both.join();
}

TEST(host_stream, the_destructor_runs_what_was_submitted) {
  int ran = 0;
  {
    host_stream stream;
    for (int i = 0; i < 100; ++i) stream.submit([&] { ++ran; });
  }
  EXPECT_EQ(ran, 100);
}

TEST(host_stream, work_may_submit_work) {
  int ran = 0;
  {
    host_stream stream;
    stream.submit([&] { stream.submit([&] { ++ran; }); });
    stream.synchronize();
  }
  EXPECT_EQ(ran, 1);
}

TEST(host_stream, takes_work_from_many_threads_each_in_its_order) {
  std::array<std::vector<int>, 4> seen;
  host_stream stream;
  {
    std::vector<std::jthread> threads;
    for (auto& mine : seen)
      threads.emplace_back([&stream, &mine] {
        for (int i = 0; i < 200; ++i) stream.submit([&mine, i] { mine.push_back(i); });
        stream.synchronize();
        EXPECT_EQ(mine.size(), 200U);
      });
  }
  for (auto const& mine : seen)
    for (std::size_t i = 0; i < mine.size(); ++i) ASSERT_EQ(mine[i], static_cast<int>(i));
}

}  // namespace
}  // namespace tierpager::tests
