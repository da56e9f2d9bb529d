// Learns a cycle that a program was seen to repeat, in portions, while it goes on repeating it, which the owner has to
// check. Whether it is one that is known, whether it is worth following, then what it is. Not thread-safe; follows
// nothing.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include <core/cycle_finder.hpp>
#include <core/cycle_holds.hpp>
#include <core/known_cycle.hpp>
#include <core/repeated_round.hpp>
#include <core/round_match.hpp>
#include <core/whole_or_parts.hpp>

namespace tierpager {

class cycle_learning {
 public:
  /// The latest `period` entries were just seen to repeat. The cycles that are `known` have to live as long, and the
  /// history has to stay where it is. The round is only a part of a course of so many entries as `part_of` if no more
  /// than that repeats; 0: it is none.
  cycle_learning(acquire_history const& history, std::uint32_t period,
                 std::span<std::unique_ptr<known_cycle> const> known, std::uint32_t part_of);

  enum class outcome : std::uint8_t {
    under_way,
    only_a_part,   // of the course
    better_parts,  // following the cycles that it consists of is better
    known,
    learned,
  };
  /// To be called until it is not under way any more.
  [[nodiscard]] outcome go_on(cycle_finder& finder, work_portion work);

  [[nodiscard]] std::uint32_t period() const { return round_.period(); }
  /// What grows with it, counted in entries.
  [[nodiscard]] std::uint32_t extent() const { return std::max(round_.period(), part_of_); }
  /// The cycle that it is, where one is known.
  [[nodiscard]] known_cycle* known() const { return known_.found(); }
  /// The cycle that was learned. It begins where its repetition did, as a pass of the program does more often than not.
  [[nodiscard]] std::unique_ptr<known_cycle> take_learned() { return std::move(learned_); }
  /// Of either: what is to be expected next, by now.
  [[nodiscard]] std::uint32_t next() const;

 private:
  enum class phase : std::uint8_t { is_part, is_known, is_whole, find_start, take_entries, index, take_holds };
  [[nodiscard]] bool count_part(cycle_finder& finder, work_portion& work);
  [[nodiscard]] bool find_start(work_portion& work);
  [[nodiscard]] bool take_entries(work_portion& work);
  [[nodiscard]] bool take_holds(work_portion& work);
  [[nodiscard]] std::uint32_t ago(std::uint32_t position) const;

  acquire_history const& history_;
  repeated_round round_;
  std::uint32_t part_of_;
  round_match known_;
  whole_or_parts parts_;
  phase phase_;
  std::uint32_t repeated_ = 0;  // entries that were seen to repeat the period before, from the latest on backwards
  std::uint32_t next_ = 0;      // as of when it was seen to repeat
  std::uint32_t start_ = 0;     // how long before then the cycle began
  std::unique_ptr<known_cycle> learned_;
  std::optional<cycle_holds> holds_;
};

}  // namespace tierpager
