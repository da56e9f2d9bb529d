// Whether a round is one of the cycles that are known already, from wherever it begins. Found out in portions; the cycles
// have to live as long. Not thread-safe.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include <core/known_cycle.hpp>
#include <core/repeated_round.hpp>
#include <core/work_portion.hpp>

namespace tierpager {

class round_match {
 public:
  /// The cycles are as long as the round.
  round_match(repeated_round const& round, std::vector<known_cycle*> cycles)
      : round_(round), cycles_(std::move(cycles)) {}
  /// To be called until it is true.
  [[nodiscard]] bool go_on(work_portion& work);
  /// The first one that it is; null: none.
  [[nodiscard]] known_cycle* found() const { return found_; }
  /// And what of it was to be expected when the round was seen.
  [[nodiscard]] std::uint32_t next() const { return next_; }

 private:
  [[nodiscard]] bool compare(known_cycle const& one, std::uint32_t place, work_portion& work);

  repeated_round round_;
  std::vector<known_cycle*> cycles_;
  known_cycle* found_ = nullptr;
  std::uint32_t next_ = 0;

  // How far it has come.
  std::size_t cycle_ = 0, place_ = 0;  // what is compared
  std::uint32_t matched_ = 0;          // and how many entries are the same
};

}  // namespace tierpager
