// The releases that are under way, each from before it looks whether its stream is retired until it has recorded on that stream.
// A retirement waits for those that began before it announced itself: so none records on a stream that is gone, or on another
// one at its address. Any thread; a release never waits, and does one atomic addition. It leaves under the pager's lock.
#pragma once

#include <array>
#include <atomic>
#include <cassert>
#include <chrono>
#include <cstdint>

#include <host/threading.hpp>

namespace tierpager {

class releases_in_flight {
 public:
  /// One release, from its construction to `leave`.
  class entry {
   public:
    explicit entry(releases_in_flight& among) : among_(among), phase_(among.enter()) {}
    entry(entry const&) = delete;
    entry& operator=(entry const&) = delete;
    ~entry() { assert(!inside_); }

    /// Under the lock that wait_for_those_inside is given.
    void leave() {
      ++among_.left_[phase_];
      inside_ = false;
    }
    void enter_again() {
      phase_ = among_.enter();
      inside_ = true;
    }

   private:
    releases_in_flight& among_;
    std::size_t phase_;
    bool inside_ = true;
  };

  /// Waits until all that entered before have left. Those that enter meanwhile are counted apart, so that they cannot keep it
  /// waiting. One thread at a time, without the lock.
  void wait_for_those_inside(annotated_mutex& lock) {
    std::size_t const before = phase_.load();
    phase_.store(1 - before);
    while (!all_left(before, lock)) sleep_for(std::chrono::microseconds(20));
  }

 private:
  std::size_t enter() {
    for (;;) {
      std::size_t const phase = phase_.load();
      entered_[phase].fetch_add(1);
      if (phase_.load() == phase) return phase;
      entered_[phase].fetch_sub(1);
    }
  }
  bool all_left(std::size_t phase, annotated_mutex& lock) {
    scoped_lock const held(lock);
    return left_[phase] == entered_[phase].load();
  }

  std::atomic<std::size_t> phase_ = 0;
  std::array<std::atomic<std::uint64_t>, 2> entered_{};
  std::array<std::uint64_t, 2> left_{};  // under the lock
};

}  // namespace tierpager
