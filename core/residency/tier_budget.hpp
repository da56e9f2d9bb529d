// What one tier may take: the budget asked for, the least that its pins and any one tensor need, what the system has given where
// it refused more, and what follows from these. Not thread-safe: called under the pager's lock. Commits and evicts nothing:
// tier_memory and the parts above it bring a tier to what this says.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include <core/residency/residency_options.hpp>
#include <core/residency/slot_table.hpp>
#include <tierpager/catalog.hpp>
#include <tierpager/error.hpp>

namespace tierpager {

/// Chunks in the buffer through which a tensor is streamed where it finds no room in RAM as a whole.
inline constexpr std::uint32_t buffer_chunks = 2;

class tier_budget {
 public:
  /// Both outlive it. Sizes are taken in whole granules.
  tier_budget(tier where, residency_options const& options, catalog const& tensors, slot_table const& slots);

  [[nodiscard]] tier_options const& options() const { return options_; }
  [[nodiscard]] bool overcommits_pins() const { return overcommits_pins_; }
  [[nodiscard]] std::uint64_t scratch_bytes() const { return scratch_bytes_; }
  /// Of all tensors and the scratch.
  [[nodiscard]] std::uint64_t need_bytes() const { return need_bytes_; }
  /// Address space: enough that, however what is held lies, a gap for the largest tensor remains.
  [[nodiscard]] std::uint64_t reserve_bytes() const { return reserve_bytes_; }
  void set_reserve(std::uint64_t bytes) { reserve_bytes_ = bytes; }
  /// RAM: the least through which any tensor can reach the device, in chunks.
  [[nodiscard]] std::uint64_t buffer_floor_bytes() const { return buffer_floor_bytes_; }

  /// What the current budget allows, in whole granules: it binds what is admitted from now on.
  [[nodiscard]] std::uint64_t target_bytes() const { return target_bytes_; }
  /// What binds what is resident: the target, or the one before until a lower one has been reached.
  [[nodiscard]] std::uint64_t limit_bytes() const { return limit_bytes_; }
  [[nodiscard]] bool lowering() const { return limit_bytes_ > target_bytes_; }
  /// The limit as a user counts: with what the device holds beside the arena.
  [[nodiscard]] std::uint64_t effective_bytes() const { return effective_bytes_; }
  /// What eviction aims at. With overcommitted pins the budget asked for, though the limit is what binds.
  [[nodiscard]] std::uint64_t soft_limit_bytes() const;
  /// The least budget that works: pins, and any one tensor.
  [[nodiscard]] std::uint64_t least_bytes() const;
  /// What would bind, were so much asked for.
  [[nodiscard]] std::uint64_t effective_of(std::uint64_t asked_bytes) const;
  [[nodiscard]] std::uint64_t target_of(std::uint64_t effective_bytes) const;
  /// budget_too_small where the pins leave no room for the largest tensor that is not pinned.
  [[nodiscard]] status pins_fit() const;

  void ask_for(std::uint64_t bytes) { options_.budget_bytes = bytes; }
  /// Takes up the budget, the pins and what the system gives, as they are now. A higher target is the limit at once. True
  /// where the target is another one.
  bool retarget();
  /// The lower target is reached.
  void reach_target();

  // What the system gives ------------------------------------------------------------------------------------------
  /// It refused more than that. In RAM what the pins and any one tensor need may still be asked for.
  void refused(std::uint64_t given_bytes);
  /// It has given so much after all. True where that is more than was known.
  bool given(std::uint64_t given_bytes);
  /// As if it had refused nothing.
  void forget_refusal() { system_limit_bytes_ = unlimited_bytes; }
  [[nodiscard]] bool is_refused() const { return system_limit_bytes_ != unlimited_bytes; }
  [[nodiscard]] std::uint64_t system_limit_bytes() const { return system_limit_bytes_; }
  [[nodiscard]] std::uint64_t refused_commits() const { return refused_commits_; }

 private:
  [[nodiscard]] std::uint64_t needed_beside_pins() const;
  [[nodiscard]] std::string slices_beside_pins(std::uint64_t target_bytes) const;

  tier where_;
  tier_options options_;
  bool overcommits_pins_;
  bool stages_;  // RAM through which tensors reach the device
  catalog const& tensors_;
  slot_table const& slots_;
  std::uint64_t scratch_bytes_;
  std::uint64_t need_bytes_ = 0;
  std::uint64_t reserve_bytes_ = 0;
  std::uint64_t buffer_floor_bytes_;
  std::uint64_t target_bytes_ = 0;
  std::uint64_t limit_bytes_ = 0;
  std::uint64_t effective_bytes_ = 0;
  std::uint64_t system_limit_bytes_ = unlimited_bytes;  // what the system had given when it refused more
  std::uint64_t refused_commits_ = 0;
};

}  // namespace tierpager
