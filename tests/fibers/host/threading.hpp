// The twin of host/threading.hpp whose threads are fibers, for targets that have this folder in front of the root. Used
// within fibers::run() only. The members are those that host/ uses; no time passes, so limits end when the seed says.
// tests/fibers/scheduler.hpp decides who runs.
#pragma once

#include <cassert>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <stop_token>
#include <utility>

#include <host/thread_annotations.hpp>
#include <tests/fibers/scheduler.hpp>

namespace tierpager {

class TIERPAGER_CAPABILITY("mutex") annotated_mutex {
 public:
  annotated_mutex() = default;
  annotated_mutex(annotated_mutex const&) = delete;
  annotated_mutex& operator=(annotated_mutex const&) = delete;
  ~annotated_mutex() { fibers::expect_idle(mutex_); }

  void lock() TIERPAGER_ACQUIRE() { fibers::lock(mutex_); }
  void unlock() TIERPAGER_RELEASE() { fibers::unlock(mutex_); }

 private:
  friend class condition;
  fibers::mutex mutex_;
};

struct for_a_hit_t {};
inline constexpr for_a_hit_t for_a_hit;

class TIERPAGER_SCOPED_CAPABILITY scoped_lock {
 public:
  explicit scoped_lock(annotated_mutex& mutex) TIERPAGER_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  scoped_lock(annotated_mutex& mutex, for_a_hit_t) TIERPAGER_ACQUIRE(mutex) : scoped_lock(mutex) {}
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

class condition {
 public:
  condition() = default;
  condition(condition const&) = delete;
  condition& operator=(condition const&) = delete;
  ~condition() { fibers::expect_nobody_waits(this); }

  void notify_one() noexcept { fibers::notify(this, false); }
  void notify_all() noexcept { fibers::notify(this, true); }

  void wait(annotated_mutex& held) { (void)wait_alone(held, fibers::patience::for_ever); }
  template <class Duration>
  std::cv_status wait_for(annotated_mutex& held, Duration limit) {
    return limited(held,
                   limit > std::chrono::milliseconds(1) ? fibers::patience::until_deadline : fibers::patience::moment);
  }
  template <class Time>
  std::cv_status wait_until(annotated_mutex& held, Time) {
    return limited(held, fibers::patience::until_deadline);
  }
  template <class Predicate>
  bool wait(annotated_mutex& held, std::stop_token const& stop, Predicate over) {
    return wait(held, stop, fibers::patience::for_ever, over);
  }
  template <class Time, class Predicate>
  bool wait_until(annotated_mutex& held, std::stop_token const& stop, Time, Predicate over) {
    return wait(held, stop, fibers::patience::until_deadline, over);
  }

 private:
  // Where several threads wait on one condition, glibc before 2.41 may lose a notification (bug 25847).
  bool wait_alone(annotated_mutex& held, fibers::patience how_long) {
    assert(!waited_on_);
    waited_on_ = true;
    bool const notified = fibers::wait(this, held.mutex_, how_long);
    waited_on_ = false;
    return notified;
  }
  std::cv_status limited(annotated_mutex& held, fibers::patience how_long) {
    return wait_alone(held, how_long) ? std::cv_status::no_timeout : std::cv_status::timeout;
  }
  template <class Predicate>
  bool wait(annotated_mutex& held, std::stop_token const& stop, fibers::patience how_long, Predicate over) {
    std::stop_callback const wakes(stop, [this] { notify_all(); });
    while (!stop.stop_requested()) {
      if (over()) return true;
      bool const notified = wait_alone(held, how_long);
      if (!notified && how_long != fibers::patience::for_ever) return over();
    }
    return over();
  }

  bool waited_on_ = false;
};

class thread {
 public:
  thread() = default;
  template <class Body>
  explicit thread(Body body) : number_(fibers::start(std::move(body))) {}
  thread(thread&& other) noexcept : number_(std::exchange(other.number_, 0)) {}
  thread& operator=(thread&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~thread() {
    if (joinable()) std::terminate();
  }

  [[nodiscard]] bool joinable() const { return number_ != 0; }
  void join() { fibers::join(std::exchange(number_, 0)); }

 private:
  std::uint64_t number_ = 0;
};

inline std::uint64_t this_thread_number() { return fibers::current(); }
inline void sleep_for(std::chrono::microseconds) { fibers::sleep(); }

}  // namespace tierpager
