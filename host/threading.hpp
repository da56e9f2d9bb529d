// Everything that a pager does with threads: a mutex and a lock that carry clang's attributes, conditions, threads, sleep.
// The one place to put another scheduler under the executor; tests do, with a header of the same name. Wait in a `while`
// loop, since a predicate's body is analysed apart, where no lock is held. Mutexes are neither recursive nor shared.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include <host/biased_mutex.hpp>
#include <host/thread_annotations.hpp>
#include <host/thread_number.hpp>

namespace tierpager {

class TIERPAGER_CAPABILITY("mutex") annotated_mutex {
 public:
  /// See biased_mutex.
  explicit annotated_mutex(std::uint32_t locks_before_bias = biased_mutex::never) : mutex_(locks_before_bias) {}

  void lock() TIERPAGER_ACQUIRE() { mutex_.lock(); }
  void lock_briefly() TIERPAGER_ACQUIRE() { mutex_.lock_briefly(); }
  void unlock() TIERPAGER_RELEASE() { mutex_.unlock(); }
  void give_way() TIERPAGER_REQUIRES(this) { mutex_.give_way(); }

 private:
  biased_mutex mutex_;
};

/// Says that what follows takes nanoseconds, nearly always: `scoped_lock lock(mutex_, briefly)`.
struct briefly_t {};
inline constexpr briefly_t briefly;

/// Holds the mutex from construction to destruction, but for the stretches between unlock() and lock().
class TIERPAGER_SCOPED_CAPABILITY scoped_lock {
 public:
  explicit scoped_lock(annotated_mutex& mutex) TIERPAGER_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  scoped_lock(annotated_mutex& mutex, briefly_t) TIERPAGER_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock_briefly(); }
  /// Of a mutex that is locked already.
  scoped_lock(annotated_mutex& mutex, std::adopt_lock_t) TIERPAGER_REQUIRES(mutex) : mutex_(mutex) {}
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
