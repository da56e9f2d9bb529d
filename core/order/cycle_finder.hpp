// Finds that what is acquired repeats: compares the latest entries with those a period before, where the period is the
// distance to an earlier entry of the same tensor. Not thread-safe. The comparisons that a call may make are saved up by
// the calls before it, so that no stream of acquires costs more than a fixed number of comparisons per entry.
#pragma once

#include <array>
#include <cstdint>

#include <core/order/acquire_history.hpp>

namespace tierpager {

class cycle_finder {
 public:
  /// After each call of `entries` entries that no cycle foretold: the shortest period, in entries, that has repeated long
  /// enough; 0 where there is none. `followed`: the length of the followed cycle if that has the tensor elsewhere, else 0.
  /// Such a cycle is given up only once three quarters of it, and of the new period, were seen to repeat.
  [[nodiscard]] std::uint32_t look(acquire_history const& history, std::uint32_t entries, std::uint32_t followed);
  /// A cycle is followed now, so what was being compared is dropped.
  void rest() {
    running_ = {};
    fruitless_ = 0;
  }
  /// The period did not hold: more of it has to be seen again the next time.
  void doubt(std::uint32_t period);
  /// The period held.
  void trust(std::uint32_t period);

 private:
  struct repetition {
    std::uint32_t period = 0;   // entries
    std::uint32_t matched = 0;  // entries
  };
  struct doubted {
    std::uint32_t period = 0;
    std::uint32_t failures = 0;
  };
  [[nodiscard]] std::uint32_t enough(acquire_history const& history, std::uint32_t period,
                                     std::uint32_t followed) const;
  void save_up(acquire_history const& history);
  [[nodiscard]] std::uint32_t compare(acquire_history const& history, std::uint32_t entries, std::uint32_t followed);

  repetition running_;             // the repetition that the next call is to go on with, if there is one
  std::array<doubted, 8> doubts_;  // the latest first
  std::uint32_t savings_ = 0;      // comparisons that may be made
  std::uint32_t saved_at_ = 0;     // clock
  std::uint32_t fruitless_ = 0;    // calls that began no repetition
};

}  // namespace tierpager
