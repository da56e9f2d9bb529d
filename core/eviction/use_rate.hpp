// The lowest use rate leaves first; how fast a rate forgets is learned: the tier follows the order of eviction, of several
// half-lives and plain LRU, whose shadow has missed the fewest bytes lately. Not thread-safe; called by the
// residency core. Knows only what was acquired, how large it is, and the tier's room. No allocation after construction.
#pragma once

#include <cstdint>
#include <span>

#include <core/eviction/ranked_ids.hpp>
#include <core/eviction/shadow_tiers.hpp>
#include <core/eviction/use_counts.hpp>
#include <tierpager/eviction_policy.hpp>

namespace tierpager {

class use_rate final : public eviction_policy {
 public:
  /// What each tensor takes of the tier. Nothing is learned until `resized` says how large that is.
  explicit use_rate(std::span<std::uint64_t const> tensor_bytes);

  [[nodiscard]] bool exact() const override { return false; }
  void resized(std::uint64_t capacity_bytes) override { shadows_.resized(capacity_bytes); }
  void touched(tensor_id id) override;
  void erased(tensor_id id) override;
  [[nodiscard]] std::optional<tensor_id> first_victim() const override;
  [[nodiscard]] std::optional<tensor_id> victim_after(tensor_id id) const override;
  [[nodiscard]] double use_of(tensor_id id) const override {
    return counts_.use_of(static_cast<std::uint32_t>(id), order_);
  }

  /// The order followed: 0 is LRU, others as in half_lives_passes. For tests and reports.
  [[nodiscard]] std::size_t order() const { return order_; }

 private:
  void follow(std::size_t order);

  use_counts counts_;
  shadow_tiers shadows_;
  std::size_t order_ = use_order_at_first;
  mutable ranked_ids residents_;  // a search brings ranks up to date
};

}  // namespace tierpager
