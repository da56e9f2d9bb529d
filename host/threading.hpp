// Everything that a pager does with threads: a mutex and a lock that carry clang's attributes, conditions, threads, sleep.
// The one place to put another scheduler under the executor; tests do, with a header of the same name. Wait in a `while`
// loop, since a predicate's body is analysed apart, where no lock is held. Mutexes are neither recursive nor shared.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

#include <host/thread_annotations.hpp>

namespace tierpager {

class TIERPAGER_CAPABILITY("mutex") annotated_mutex {
 public:
  void lock() TIERPAGER_ACQUIRE() { mutex_.lock(); }
  void unlock() TIERPAGER_RELEASE() { mutex_.unlock(); }
  bool try_lock() TIERPAGER_TRY_ACQUIRE(true) { return mutex_.try_lock(); }

 private:
  std::mutex mutex_;
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
