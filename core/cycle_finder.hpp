// Finds that what is acquired repeats: compares the latest entries with those a period before, where the period is the
// distance to an earlier entry of the same tensor. Not thread-safe. What a call may compare is saved up by the calls
// before it, so that no stream of acquires makes it do more than a fixed amount of work per entry; and no single call
// does more than a fixed amount.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include <core/acquire_history.hpp>

namespace tierpager {

class cycle_finder {
 public:
  struct repetition {
    std::uint32_t period = 0;  // entries
    std::uint32_t matched = 0;
    [[nodiscard]] explicit operator bool() const { return period != 0; }
  };

  /// Of periods longer than `work_a_call`, one call compares no more entries than that; the next ones go on.
  explicit cycle_finder(std::uint32_t work_a_call) : work_a_call_(work_a_call) {}

  /// After each call of `entries` entries that no cycle foretold: the shortest period of which enough was seen again.
  /// `most_of_it`: enough is three quarters of it at least.
  [[nodiscard]] repetition look(acquire_history const& history, std::uint32_t entries, bool most_of_it);
  /// Whether a look took more than one call may compare. Then `go_on` takes the next calls, foretold or not.
  [[nodiscard]] bool comparing() const { return !candidates_.empty(); }
  [[nodiscard]] repetition go_on(acquire_history const& history, std::uint32_t entries);
  /// Whether what was found last was found by a look for most of it.
  [[nodiscard]] bool wanted_most() const { return wanted_most_; }
  /// As the history's, of what may be compared still.
  [[nodiscard]] std::uint32_t repeats(acquire_history const& history, std::uint32_t period, std::uint32_t limit,
                                      std::uint32_t skipped = 0);
  /// A cycle is followed now: what was being compared is no longer of interest.
  void rest() {
    running_ = {};
    candidates_.clear();
    fruitless_ = 0;
  }
  /// The same, but for what one call was too short for.
  void rest_between_looks() {
    if (!comparing()) rest();
  }
  /// That period did not hold, and is believed later next time; or, until `forget`, never again.
  void doubt(std::uint32_t period);
  void refuse(std::uint32_t period);
  /// That period held.
  void trust(std::uint32_t period);
  /// What was refused is looked at again.
  void forget_refusals();

 private:
  struct doubted {
    std::uint32_t period = 0;
    std::uint32_t failures = 0;
    bool refused = false;
  };
  [[nodiscard]] std::uint32_t enough(acquire_history const& history, std::uint32_t period, bool most_of_it) const;
  [[nodiscard]] bool refused(std::uint32_t period) const;
  doubted& note_of(std::uint32_t period);
  struct candidate {
    std::uint32_t period = 0;
    std::uint32_t wanted = 0;
    std::uint32_t matched = 0;
    bool open = true;  // more of it is to be compared
  };
  void save_up(acquire_history const& history);
  repetition restart(acquire_history const& history, std::uint32_t entries, bool most_of_it);
  [[nodiscard]] static bool is_enough(acquire_history const& history, candidate const& one);
  void run_with_most(std::span<candidate const> all, std::uint32_t entries);
  repetition compare(acquire_history const& history, std::uint32_t entries);
  void extend(acquire_history const& history, candidate& one, std::uint32_t entries);

  std::uint32_t work_a_call_;
  bool wanted_most_ = false;
  repetition running_;
  std::vector<candidate> candidates_;  // for running_, the shortest first, while not all of them are compared
  std::array<doubted, 8> doubts_;      // the latest first
  std::uint32_t savings_ = 0;          // comparisons that may be made
  std::uint32_t saved_at_ = 0;         // clock
  std::uint32_t fruitless_ = 0;        // calls in which nothing was being compared
};

}  // namespace tierpager
