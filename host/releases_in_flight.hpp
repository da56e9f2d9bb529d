// The releases that are under way, each from before it looks whether its stream is retired until it has recorded on that stream.
// A retirement waits for those that began before it announced itself: so none records on a stream that is gone, or on another
// one at its address. Any thread; a release never waits, and does two atomic additions.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

#include <host/threading.hpp>

namespace tierpager {

class releases_in_flight {
 public:
  /// One release, from its construction to `leave`, or to its end.
  class entry {
   public:
    explicit entry(releases_in_flight& among) : among_(among), phase_(among.enter()) {}
    entry(entry const&) = delete;
    entry& operator=(entry const&) = delete;
    ~entry() { leave(); }

    void leave() {
      if (inside_) among_.counts_[phase_].fetch_sub(1);
      inside_ = false;
    }
    void enter_again() {
      leave();
      phase_ = among_.enter();
      inside_ = true;
    }

   private:
    releases_in_flight& among_;
    std::size_t phase_;
    bool inside_ = true;
  };

  /// Waits until all that entered before have left. Those that enter meanwhile are counted apart, so that they cannot keep it
  /// waiting. One thread at a time.
  void wait_for_those_inside() {
    std::size_t const before = phase_.load();
    phase_.store(1 - before);
    while (counts_[before].load() != 0) sleep_for(std::chrono::microseconds(20));
  }

 private:
  std::size_t enter() {
    for (;;) {
      std::size_t const phase = phase_.load();
      counts_[phase].fetch_add(1);
      if (phase_.load() == phase) return phase;
      counts_[phase].fetch_sub(1);
    }
  }

  std::atomic<std::size_t> phase_ = 0;
  std::array<std::atomic<std::uint32_t>, 2> counts_{};
};

}  // namespace tierpager
