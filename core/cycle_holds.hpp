// Holds for a cycle, and the order that it is with them: made position by position, from the first, while the cycle
// stays as it is. Not thread-safe; the cycle has to live as long.
#pragma once

#include <cstdint>
#include <vector>

#include <core/acquire_order.hpp>

namespace tierpager {

class known_cycle;

class cycle_holds {
 public:
  explicit cycle_holds(known_cycle const& of);
  /// The next position's, as acquire_history::held has it; at most a whole cycle counts.
  void add(std::uint32_t hold);
  [[nodiscard]] std::uint32_t count() const { return static_cast<std::uint32_t>(holds_.size()); }

 private:
  friend class known_cycle;
  [[nodiscard]] std::uint32_t until(std::uint32_t position, std::uint32_t hold) const;

  known_cycle const* of_;
  std::vector<std::uint32_t> holds_;
  acquire_order order_;
  bool differs_;  // the order from the one that the cycle is now
};

}  // namespace tierpager
