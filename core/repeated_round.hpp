// The latest entries of a history, as many as a period, as they were when they were seen to repeat. While the program
// goes on repeating them, which the owner has to check, they are read where they came last: none is overwritten, however
// long it takes to read them all. Not thread-safe.
#pragma once

#include <cstdint>

#include <core/acquire_history.hpp>

namespace tierpager {

class repeated_round {
 public:
  /// The history has to stay where it is.
  repeated_round(acquire_history const& history, std::uint32_t period)
      : history_(&history), period_(period), seen_at_(history.clock()) {}

  [[nodiscard]] std::uint32_t period() const { return period_; }
  /// How many entries came since.
  [[nodiscard]] std::uint32_t moved() const { return history_->clock() - seen_at_; }
  /// `ago` is from 1 to the period, and counts from then.
  [[nodiscard]] acquire_symbol symbol(std::uint32_t ago) const { return history_->symbol(latest(ago)); }
  /// For how long it was held the last time that this is known.
  [[nodiscard]] std::uint32_t hold(std::uint32_t ago) const { return history_->latest_hold(latest(ago), period_); }

 private:
  [[nodiscard]] std::uint32_t latest(std::uint32_t ago) const {
    return static_cast<std::uint32_t>((std::uint64_t{ago} - 1 + moved()) % period_) + 1;
  }

  acquire_history const* history_;
  std::uint32_t period_;
  std::uint32_t seen_at_;  // clock
};

}  // namespace tierpager
