// What a pager warns its user of, and what it has told already. A text is put together under the lock where it has to be, and
// told without. Any thread; members marked so take the lock or want it. Words no text itself (warning_texts.hpp does) and
// changes nothing of the pager.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <host/pager_core.hpp>
#include <host/tier_budgets.hpp>
#include <tierpager/device.hpp>
#include <tierpager/warnings.hpp>

namespace tierpager {

class pager_warnings {
 public:
  /// An empty function silences. All else outlives this.
  pager_warnings(pager_core& core, device& on, catalog const& tensors, tier_budgets const& budgets,
                 warning_callback on_warning);

  /// The system gave less memory than was asked for: told whenever the core has counted another refusal. Unlocks meanwhile.
  void of_refusals() TIERPAGER_REQUIRES(pager_lock);
  /// RAM could not be page-locked. Told once: what is committed later is not asked for again. Unlocks meanwhile.
  void of_unlocked_ram() TIERPAGER_REQUIRES(pager_lock);
  /// Pins that cover less than they seem to.
  void of_pins(std::vector<std::string> const& globs_and_presets, tier where) TIERPAGER_EXCLUDES(pager_lock);
  /// `auto` found less than is needed, or a tensor exceeds the budget. `is_automatic`: by tier.
  void of_budgets(std::array<bool, 2> is_automatic) TIERPAGER_EXCLUDES(pager_lock);

 private:
  [[nodiscard]] std::optional<failure> refusal_of_largest() TIERPAGER_REQUIRES(pager_lock);

  pager_core& core_;
  device& device_;
  catalog const& tensors_;
  tier_budgets const& budgets_;
  warning_callback const on_warning_;
  std::array<std::uint64_t, 2> refusals_told_ TIERPAGER_GUARDED_BY(pager_lock){};  // by tier
  bool unlocked_ram_told_ TIERPAGER_GUARDED_BY(pager_lock) = false;
};

}  // namespace tierpager
