// How much of a longer work one call may do, in entries looked at. What grows with a cycle is done in portions over
// several calls, as each call holds the pager's lock. A plain count.
#pragma once

#include <algorithm>
#include <cstdint>

namespace tierpager {

class work_portion {
 public:
  explicit work_portion(std::uint64_t entries) : left_(entries) {}
  [[nodiscard]] static work_portion unlimited() { return work_portion(~std::uint64_t{0}); }

  /// Whether one more entry may be looked at.
  [[nodiscard]] bool take() { return take(1) == 1; }
  /// How many of those wanted may be.
  [[nodiscard]] std::uint32_t take(std::uint32_t wanted) {
    auto const taken = static_cast<std::uint32_t>(std::min<std::uint64_t>(wanted, left_));
    left_ -= taken;
    return taken;
  }

 private:
  std::uint64_t left_;
};

}  // namespace tierpager
