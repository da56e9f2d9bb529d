// Happens-before, by vector clocks: component 0 is the host, the others are streams. An access table holds who touched
// which bytes of one allocation last, and finds accesses that nothing orders. Not locked: the world's lock guards all.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <tests/cuda_standin/calls.hpp>

namespace tierpager::cuda_standin {

class vector_clock {
 public:
  [[nodiscard]] std::uint32_t at(std::size_t component) const {
    return component < ticks_.size() ? ticks_[component] : 0;
  }
  std::uint32_t advance(std::size_t component) {
    if (ticks_.size() <= component) ticks_.resize(component + 1);
    return ++ticks_[component];
  }
  void join(vector_clock const& other) {
    if (ticks_.size() < other.ticks_.size()) ticks_.resize(other.ticks_.size());
    for (std::size_t i = 0; i != other.ticks_.size(); ++i) ticks_[i] = std::max(ticks_[i], other.ticks_[i]);
  }
  /// All that the other knows is known here.
  [[nodiscard]] bool covers(vector_clock const& other) const {
    for (std::size_t i = 0; i != other.ticks_.size(); ++i) {
      if (at(i) < other.ticks_[i]) return false;
    }
    return true;
  }

 private:
  std::vector<std::uint32_t> ticks_;
};

inline constexpr std::uint32_t host_component = 0;

/// One access: when, and who made it.
struct stamp {
  std::uint32_t component = host_component;
  std::uint32_t tick = 0;
  call what = call::count_;
  std::uint64_t number = 0;            // of the operation or host access in its world
  std::string const* label = nullptr;  // the test's name for it, if any

  [[nodiscard]] bool before(vector_clock const& clock) const { return tick <= clock.at(component); }
};
std::string text_of(stamp const& who);

class access_table {
 public:
  /// An earlier access that conflicts and is not ordered before this one.
  struct clash {
    stamp earlier;
    bool earlier_wrote = false;
    std::uint64_t first = 0;  // of the bytes that both touch
    std::uint64_t last = 0;
  };

  /// Records an access by `who`, who knows `clock`, to [first, last), and adds what it clashes with.
  void touch(std::uint64_t first, std::uint64_t last, bool writes, stamp const& who, vector_clock const& clock,
             std::vector<clash>& clashes);
  /// The same without recording it.
  void check(std::uint64_t first, std::uint64_t last, vector_clock const& clock, std::vector<clash>& clashes) const;

 private:
  struct segment {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    bool written = false;
    stamp write;
    std::vector<stamp> reads;  // since that write, without those that later ones are ordered behind
  };
  std::size_t split_at(std::uint64_t offset);
  static void check_segment(segment const& piece, std::uint64_t first, std::uint64_t last, bool writes,
                            vector_clock const& clock, std::vector<clash>& clashes);

  std::vector<segment> segments_;  // by address, without overlap
};

}  // namespace tierpager::cuda_standin
