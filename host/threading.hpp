// Everything that a pager does with threads: a mutex and a lock that carry clang's attributes, conditions, threads, sleep.
// The one place to put another scheduler under the executor; tests do, with a header of the same name. Wait in a `while`
// loop, since a predicate's body is analysed apart, where no lock is held. Mutexes are neither recursive nor shared.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include <host/thread_annotations.hpp>
#include <host/thread_number.hpp>

namespace tierpager {

/// A std::mutex, with a check for waiters: a thread that only hits takes it again within nanoseconds, long before a waiter
/// has woken up, and would starve the threads that miss. docs/decisions/hits_wait_their_turn.md says why it is as it is.
class TIERPAGER_CAPABILITY("mutex") annotated_mutex {
 public:
  void lock() TIERPAGER_ACQUIRE() {
    if (mutex_.try_lock()) return;
    std::scoped_lock const turn(turn_);
    waited_for_.store(true, std::memory_order_relaxed);
    if (!comes_soon([this] { return mutex_.try_lock(); })) mutex_.lock();
    waited_for_.store(false, std::memory_order_relaxed);
  }
  /// The same for hits and releases, which let the thread that waits in lock() go first.
  void lock_for_a_hit() TIERPAGER_ACQUIRE() {
    if (comes_soon([this] { return !waited_for_.load(std::memory_order_relaxed) && mutex_.try_lock(); })) return;
    std::scoped_lock const turn(turn_);
    mutex_.lock();
  }
  void unlock() TIERPAGER_RELEASE() { mutex_.unlock(); }

 private:
  /// Looks for some microseconds: sections are shorter, and to sleep and be woken takes longer.
  template <class Condition>
  static bool comes_soon(Condition const& holds) {
    if (holds()) return true;
    auto const until = std::chrono::steady_clock::now() + std::chrono::microseconds(20);
    do {
      std::this_thread::yield();
      if (holds()) return true;
    } while (std::chrono::steady_clock::now() < until);
    return false;
  }

  std::mutex mutex_;
  std::mutex turn_;  // held by the thread that is next
  std::atomic<bool> waited_for_ = false;
};

/// How hits and releases take the lock: `scoped_lock lock(mutex_, for_a_hit)`.
struct for_a_hit_t {};
inline constexpr for_a_hit_t for_a_hit;

/// Holds the mutex from construction to destruction, but for the stretches between unlock() and lock().
class TIERPAGER_SCOPED_CAPABILITY scoped_lock {
 public:
  explicit scoped_lock(annotated_mutex& mutex) TIERPAGER_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  scoped_lock(annotated_mutex& mutex, for_a_hit_t) TIERPAGER_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock_for_a_hit(); }
  scoped_lock(scoped_lock const&) = delete;
  scoped_lock& operator=(scoped_lock const&) = delete;
  ~scoped_lock() TIERPAGER_RELEASE() {
    if (held_) mutex_.unlock();
  }

  void lock() TIERPAGER_ACQUIRE() {
    mutex_.lock();
    held_ = true;
  }
  void unlock() TIERPAGER_RELEASE() {
    held_ = false;
    mutex_.unlock();
  }

 private:
  annotated_mutex& mutex_;
  bool held_ = true;
};

/// Waits on an annotated_mutex, which the caller holds.
using condition = std::condition_variable_any;
using thread = std::thread;

inline void sleep_for(std::chrono::microseconds time) { std::this_thread::sleep_for(time); }

}  // namespace tierpager
