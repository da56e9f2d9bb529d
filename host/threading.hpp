// Everything that a pager does with threads: a mutex and a lock that carry clang's attributes, conditions, threads, sleep.
// The one place to put another scheduler under the executor; tests do, with a header of the same name. Wait in a `while`
// loop, since a predicate's body is analysed apart, where no lock is held. Mutexes are neither recursive nor shared, and
// for short sections only: who finds one taken tries again, first at once, then after naps.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <thread>

#include <host/thread_annotations.hpp>

namespace tierpager {

/// One atomic exchange to lock and a plain store to unlock, half of what a std::mutex takes.
class TIERPAGER_CAPABILITY("mutex") annotated_mutex {
 public:
  annotated_mutex() = default;
  annotated_mutex(annotated_mutex const&) = delete;
  annotated_mutex& operator=(annotated_mutex const&) = delete;

  void lock() TIERPAGER_ACQUIRE() TIERPAGER_NO_THREAD_SAFETY_ANALYSIS {
    if (taken_.exchange(true, std::memory_order_acquire)) [[unlikely]]
      lock_taken();
  }
  void unlock() TIERPAGER_RELEASE() TIERPAGER_NO_THREAD_SAFETY_ANALYSIS {
    taken_.store(false, std::memory_order_release);
  }
  bool try_lock() TIERPAGER_TRY_ACQUIRE(true) TIERPAGER_NO_THREAD_SAFETY_ANALYSIS {
    return !taken_.exchange(true, std::memory_order_acquire);
  }

 private:
  void lock_taken() noexcept;  // threading.cpp

  std::atomic<bool> taken_ = false;
};

/// Holds the mutex from construction to destruction, but for the stretches between unlock() and lock().
class TIERPAGER_SCOPED_CAPABILITY scoped_lock {
 public:
  explicit scoped_lock(annotated_mutex& mutex) TIERPAGER_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
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

/// Tells threads that live at the same time apart: counts them up from 1.
inline std::uint64_t this_thread_number() {
  static std::atomic<std::uint64_t> latest = 0;
  thread_local std::uint64_t number = 0;
  if (number == 0) number = latest.fetch_add(1, std::memory_order_relaxed) + 1;
  return number;
}
inline void sleep_for(std::chrono::microseconds time) { std::this_thread::sleep_for(time); }

}  // namespace tierpager
