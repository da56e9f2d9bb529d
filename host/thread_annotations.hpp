// Clang's thread-safety attributes, and a mutex and a lock that carry them: what a mutex guards is checked when the
// tree is built with clang, and costs nothing elsewhere. The lock works with std::condition_variable_any; wait in a
// `while` loop, since a predicate's body is analysed apart, where no lock is held. Not recursive, not shared.
#pragma once

#include <mutex>

#if defined(__clang__)
#define TIERPAGER_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define TIERPAGER_THREAD_ATTRIBUTE(x)
#endif

#define TIERPAGER_CAPABILITY(x) TIERPAGER_THREAD_ATTRIBUTE(capability(x))
#define TIERPAGER_SCOPED_CAPABILITY TIERPAGER_THREAD_ATTRIBUTE(scoped_lockable)
#define TIERPAGER_GUARDED_BY(x) TIERPAGER_THREAD_ATTRIBUTE(guarded_by(x))
#define TIERPAGER_POINTED_GUARDED_BY(x) TIERPAGER_THREAD_ATTRIBUTE(pt_guarded_by(x))
#define TIERPAGER_REQUIRES(...) TIERPAGER_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define TIERPAGER_EXCLUDES(...) TIERPAGER_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))
#define TIERPAGER_ACQUIRE(...) TIERPAGER_THREAD_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define TIERPAGER_TRY_ACQUIRE(...) TIERPAGER_THREAD_ATTRIBUTE(try_acquire_capability(__VA_ARGS__))
#define TIERPAGER_RELEASE(...) TIERPAGER_THREAD_ATTRIBUTE(release_capability(__VA_ARGS__))
#define TIERPAGER_RETURN_CAPABILITY(x) TIERPAGER_THREAD_ATTRIBUTE(lock_returned(x))
#define TIERPAGER_NO_THREAD_SAFETY_ANALYSIS TIERPAGER_THREAD_ATTRIBUTE(no_thread_safety_analysis)

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

}  // namespace tierpager
