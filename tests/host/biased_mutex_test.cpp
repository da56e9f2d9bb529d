// Mutual exclusion, while the bias comes and goes. ThreadSanitizer runs these too, and sees what is not ordered.
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <thread>
#include <vector>

#include <host/biased_mutex.hpp>

namespace tierpager::test {
namespace {

// A counter that only a lock keeps right, and a plain one so that the compiler adds nothing together.
struct counted {
  explicit counted(std::uint32_t locks_before_bias) : lock(locks_before_bias) {}
  void add() {
    std::uint64_t volatile& now = value;
    std::uint64_t const before = now;
    now = before + 1;
  }

  biased_mutex lock;
  std::uint64_t value = 0;
};

// For microseconds, in which another thread may lock many times.
void spin() {
  std::atomic<int> rounds = 0;
  while (rounds.load(std::memory_order_relaxed) < 4000)
    rounds.store(rounds.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

class biased_mutex_test : public testing::TestWithParam<std::uint32_t> {};
INSTANTIATE_TEST_SUITE_P(locks_before_bias, biased_mutex_test, testing::Values(biased_mutex::never, 1U, 2U, 100U));

TEST_P(biased_mutex_test, lets_one_thread_in_at_a_time) {
  constexpr std::uint64_t rounds = 50000;
  counted shared(GetParam());
  auto const briefly = [&] {
    for (std::uint64_t i = 0; i < rounds; ++i) {
      shared.lock.lock_briefly();
      shared.add();
      shared.lock.unlock();
    }
  };
  auto const now_and_then = [&] {
    for (std::uint64_t i = 0; i < rounds / 10; ++i) {
      shared.lock.lock();
      shared.add();
      shared.lock.unlock();
      spin();
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) threads.emplace_back(briefly);
  threads.emplace_back(now_and_then);
  for (std::thread& one : threads) one.join();
  EXPECT_EQ(shared.value, 2 * rounds + rounds / 10);
}

// One thread takes it again and again, as it is biased to that thread; the other ends that each time it comes.
TEST_P(biased_mutex_test, is_taken_from_the_thread_it_is_biased_to_only_between_its_sections) {
  constexpr std::uint64_t visits = 3000;
  counted shared(GetParam());
  std::atomic<bool> over = false;
  std::uint64_t sections = 0;
  std::thread its([&] {
    while (!over.load(std::memory_order_relaxed)) {
      shared.lock.lock_briefly();
      for (int i = 0; i < 8; ++i) shared.add();
      shared.lock.unlock();
      ++sections;
    }
  });
  for (std::uint64_t i = 0; i < visits; ++i) {
    i % 2 == 0 ? shared.lock.lock() : shared.lock.lock_briefly();
    EXPECT_EQ((shared.value - i) % 8, 0U);
    shared.add();
    shared.lock.unlock();
    spin();
  }
  over = true;
  its.join();
  EXPECT_EQ(shared.value, visits + 8 * sections);
}

TEST_P(biased_mutex_test, outlives_the_thread_it_is_biased_to) {
  counted shared(GetParam());
  for (int i = 0; i < 3; ++i) {
    std::thread([&] {
      for (int section = 0; section < 200; ++section) {
        shared.lock.lock_briefly();
        shared.add();
        shared.lock.unlock();
      }
    }).join();
  }
  shared.lock.lock();
  EXPECT_EQ(shared.value, 600U);
  shared.lock.unlock();
}

TEST_P(biased_mutex_test, is_held_while_either_way_of_locking_is) {
  counted shared(GetParam());
  auto const take = [&](bool briefly) { briefly ? shared.lock.lock_briefly() : shared.lock.lock(); };
  for (int const ways : {0, 1, 2, 3}) {
    for (int i = 0; i < 200; ++i) {  // biased, where it ever is
      shared.lock.lock_briefly();
      shared.lock.unlock();
    }
    take((ways & 1) != 0);
    std::atomic<bool> comes = false;
    std::uint64_t seen = 0;
    std::thread other([&] {
      comes = true;
      take((ways & 2) != 0);
      seen = shared.value;
      shared.lock.unlock();
    });
    while (!comes) std::this_thread::yield();
    for (int i = 0; i < 100; ++i) {
      shared.add();
      std::this_thread::yield();
    }
    std::uint64_t const written = shared.value;
    shared.lock.unlock();
    other.join();
    EXPECT_EQ(seen, written);
  }
}

TEST_P(biased_mutex_test, is_let_go_by_who_waits_on_a_condition) {
  counted shared(GetParam());
  std::condition_variable_any changed;
  std::thread other([&] {
    for (std::uint64_t turn = 1; turn < 200; turn += 2) {
      shared.lock.lock_briefly();
      while (shared.value != turn) changed.wait(shared.lock);
      shared.add();
      shared.lock.unlock();
      changed.notify_all();
    }
  });
  for (std::uint64_t turn = 0; turn < 200; turn += 2) {
    shared.lock.lock_briefly();
    while (shared.value != turn) changed.wait(shared.lock);
    shared.add();
    shared.lock.unlock();
    changed.notify_all();
  }
  other.join();
  EXPECT_EQ(shared.value, 200U);
}

TEST_P(biased_mutex_test, gives_way_to_who_waits) {
  counted shared(GetParam());
  for (int i = 0; i < 300; ++i) {  // biased, where it ever is
    shared.lock.lock_briefly();
    shared.lock.unlock();
  }
  for (int round = 0; round < 20; ++round) {
    std::uint64_t const before = shared.value;
    round % 2 == 0 ? shared.lock.lock() : shared.lock.lock_briefly();
    std::thread other([&] {
      shared.lock.lock();
      shared.add();
      shared.lock.unlock();
    });
    while (shared.value == before) shared.lock.give_way();
    EXPECT_EQ(shared.value, before + 1);
    shared.lock.unlock();
    other.join();
  }
}

}  // namespace
}  // namespace tierpager::test
