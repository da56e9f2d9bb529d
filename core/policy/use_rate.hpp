// The lowest use rate leaves first; how fast a rate forgets is learned: the tier follows the order of eviction, of several
// half-lives and plain LRU, whose shadow has missed the fewest bytes lately. Not thread-safe; called by the
// residency core. Knows only what was acquired, how large it is, and the tier's room. No allocation after construction.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include <core/policy/rank_tree.hpp>
#include <core/policy/shadow_tiers.hpp>
#include <core/policy/use_counts.hpp>
#include <tierpager/eviction_policy.hpp>

namespace tierpager {

class use_rate final : public eviction_policy {
 public:
  /// So many ids are looked at in the touch that decides on another order, and in each touch after it.
  static constexpr std::uint32_t first_portion = 256, next_portion = 64;
  /// Each that comes in brings so many outdated ranks up to date, so that an eviction seldom meets more than it may.
  static constexpr unsigned brought_up_a_newcomer = 16;

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
  /// The order that will be followed once all are ranked by it. For tests and reports.
  [[nodiscard]] std::size_t aim() const { return aim_; }

 private:
  enum class standing : std::uint8_t { absent, ranked, aside };
  [[nodiscard]] rank_tree& tree() const { return trees_[tree_]; }
  [[nodiscard]] rank_tree& coming_tree() { return trees_[1 - tree_]; }
  [[nodiscard]] bool is_in_coming(std::uint32_t id) const { return aim_ != order_ && id < looked_at_; }
  void rank(std::uint32_t id);
  void take_out(std::uint32_t id, standing left);
  void aim_at(std::size_t order);
  void change_over();

  use_counts counts_;
  shadow_tiers shadows_;
  std::size_t order_ = use_order_at_first;
  std::size_t aim_ = use_order_at_first;
  // Whoever is ranked is in the tree of the order followed, and while another is aimed at in that one's tree too, as far
  // as the ids have been looked at. A use leaves both as they are: who is met with an outdated rank is ranked anew.
  mutable std::array<rank_tree, 2> trees_;
  std::size_t tree_ = 0;         // of the order followed
  std::uint32_t looked_at_ = 0;  // ids below are
  std::vector<standing> standings_;
};

}  // namespace tierpager
