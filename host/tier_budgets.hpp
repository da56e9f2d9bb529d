// What the budgets of a pager are in bytes: shares of the model, and `auto`, which is asked of the device and the system. And how
// the residency core is set up from the options of the pager. Constant after construction; any thread, without the lock.
// Does not keep the budgets in force: the core does.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <core/residency/residency_options.hpp>
#include <tierpager/catalog.hpp>
#include <tierpager/device.hpp>
#include <tierpager/pager.hpp>

namespace tierpager {

class tier_budgets {
 public:
  /// Throws `invalid_argument` for what is no budget, and where both are `none`. The device outlives this.
  tier_budgets(catalog const& tensors, device& on, pager_options const& options);

  /// How the core opens, in bytes.
  [[nodiscard]] residency_options const& at_open() const { return at_open_; }
  /// By tier: whether the budget was `auto` when the pager opened.
  [[nodiscard]] std::array<bool, 2> automatic_at_open() const { return automatic_at_open_; }
  /// What 100 % of a tier is.
  [[nodiscard]] std::uint64_t whole_bytes(tier where) const { return whole_bytes_[static_cast<std::size_t>(where)]; }
  /// `named` in bytes. `now` and `other_budget_bytes`, the budget of the other tier, matter for `auto` alone.
  [[nodiscard]] std::uint64_t resolve(tier where, budget const& named, statistics const& now,
                                      std::uint64_t other_budget_bytes) const;

 private:
  tier_options open_tier(catalog const& tensors, tier where, budget const& named, std::uint64_t scratch_bytes);

  device& device_;
  std::array<std::uint64_t, 2> whole_bytes_{};  // by tier
  std::array<bool, 2> automatic_at_open_{};
  residency_options at_open_;
};

}  // namespace tierpager
