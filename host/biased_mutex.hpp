// A mutex that a thread which alone takes it again and again takes without an atomic exchange: it is biased to that thread
// until another wants it (Dice, Moir, Scherer: Quickly Reacquirable Locks, 2003; the fence is that of P1202, on Linux a
// membarrier). Otherwise a std::mutex whose contenders look and nap a few times before they sleep on it. Any thread.
// Neither recursive nor fair. docs/decisions/the_lock_is_biased.md says why.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include <host/thread_number.hpp>

namespace tierpager {

class biased_mutex {
 public:
  static constexpr std::uint32_t never = 0;
  /// Biased once a thread has called `lock_briefly` that often, and no thread `lock` meanwhile.
  explicit biased_mutex(std::uint32_t locks_before_bias = never);
  biased_mutex(biased_mutex const&) = delete;
  biased_mutex& operator=(biased_mutex const&) = delete;

  void lock() {
    lock_mutex();
    in_a_row_ = 0;
    if (biased_to_.load(std::memory_order_relaxed) != nobody) [[unlikely]]
      end_bias_of_others();
  }
  /// The same for sections of nanoseconds, since who ends a bias looks again and again until the section is over.
  void lock_briefly() {
    std::uint64_t const self = this_thread_number();
    if (biased_to_.load(std::memory_order_relaxed) == self) [[likely]] {
      inside_.store(true, std::memory_order_relaxed);
      std::atomic_signal_fence(std::memory_order_seq_cst);  // the light half; the other is in end_bias_of_others
      if (biased_to_.load(std::memory_order_relaxed) == self) [[likely]] {
        by_bias_ = true;
        return;
      }
      inside_.store(false, std::memory_order_release);
    }
    lock_and_count(self);
  }
  void unlock() {
    if (by_bias_) {
      by_bias_ = false;
      inside_.store(false, std::memory_order_release);
    } else {
      mutex_.unlock();
    }
  }

 private:
  static constexpr std::uint64_t nobody = 0;

  void lock_mutex() {
    if (!mutex_.try_lock()) [[unlikely]]
      lock_contended();
  }
  void lock_contended();
  void lock_and_count(std::uint64_t self);
  void end_bias_of_others();

  std::atomic<std::uint64_t> biased_to_ = nobody;  // written under mutex_; to a thread, by that thread alone
  std::atomic<bool> inside_ = false;               // by the thread it is biased to, or was when that thread last looked
  // What follows whoever holds the lock reads and writes.
  bool by_bias_ = false;
  std::uint32_t in_a_row_ = 0;
  std::uint32_t const locks_before_bias_;
  std::uint64_t last_ = nobody;
  std::mutex mutex_;
};

}  // namespace tierpager
