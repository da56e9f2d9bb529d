// The lowest use rate leaves first; how fast a rate forgets is learned: the tier follows the order of eviction, of several
// half-lives and plain LRU, whose shadow has missed the fewest bytes lately. Not thread-safe; called by the
// residency core. Knows only what was acquired, how large it is, and the tier's room. No allocation after construction.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <core/policy/rank_heap.hpp>
#include <core/policy/shadow_tiers.hpp>
#include <core/policy/use_counts.hpp>
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
  void set_aside(tensor_id id) override;
  void put_back(tensor_id id) override;
  [[nodiscard]] std::optional<tensor_id> first_victim() const override;
  [[nodiscard]] std::optional<tensor_id> victim_after(tensor_id id) const override;

  /// The order followed: 0 is LRU, others as in half_lives_passes. For tests and reports.
  [[nodiscard]] std::size_t order() const { return order_; }

 private:
  static constexpr std::uint32_t not_in_line = ~std::uint32_t{0};
  [[nodiscard]] rank_heap::rank rank_now(std::uint32_t id) const { return counts_.rank_of(id, order_); }
  [[nodiscard]] bool ranked(std::uint32_t id) const { return heap_.contains(id) || line_places_[id] != not_in_line; }
  void take_out(std::uint32_t id);
  [[nodiscard]] std::optional<tensor_id> line_at(std::size_t place) const;
  void insert(std::uint32_t id) const;
  void take_from_line(std::size_t place) const;
  void shorten_line() const;
  void follow(std::size_t order);

  use_counts counts_;
  shadow_tiers shadows_;
  std::size_t order_ = use_order_at_first;
  // The residents: those that were asked for stand in line, lowest first, so that asking again for the next is cheap; the
  // others are in the heap. None in the heap ranks below the last in line. A use leaves both as they are: whoever is met
  // with an outdated rank goes back to the heap.
  mutable std::vector<rank_heap::entry> line_;
  mutable std::vector<std::uint32_t> line_places_;  // of each tensor
  mutable rank_heap heap_;
  std::vector<bool> aside_;  // in, but neither in line nor in the heap
};

}  // namespace tierpager
