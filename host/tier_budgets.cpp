#include <host/tier_budgets.hpp>

#include <core/residency/whole_model.hpp>
#include <host/auto_budget.hpp>

namespace tierpager {

tier_budgets::tier_budgets(catalog const& tensors, device& on, pager_options const& options) : device_(on) {
  budget const vram = named_budget(tier::vram, options.vram);
  budget const ram = named_budget(tier::ram, options.ram);
  at_open_.vram = open_tier(tensors, tier::vram, vram, options.scratch_bytes);
  at_open_.ram = open_tier(tensors, tier::ram, ram, 0);
  at_open_.chunk_bytes = options.chunk_bytes;
  at_open_.scratch_bytes = options.scratch_bytes;
  at_open_.overcommit_pins = options.overcommit_pins;
  at_open_.rates = options.rates;
  automatic_at_open_ = {vram.what() == budget::kind::automatic, ram.what() == budget::kind::automatic};
  bool const ram_is_known = ram.what() != budget::kind::automatic;
  at_open_.vram.budget_bytes = resolve(tier::vram, vram, {}, ram_is_known ? ram.bytes_of(whole_bytes(tier::ram)) : 0);
  at_open_.ram.budget_bytes = resolve(tier::ram, ram, {}, at_open_.vram.budget_bytes);
  if (!at_open_.vram.present && !at_open_.ram.present)
    throw error({.code = errc::invalid_argument, .what = "both budgets are 'none': no tier is left to page into"});
}

tier_options tier_budgets::open_tier(catalog const& tensors, tier where, budget const& named,
                                     std::uint64_t scratch_bytes) {
  tier_options made = tier_options_of(device_, where);
  made.present = named.what() != budget::kind::none;
  whole_bytes_[static_cast<std::size_t>(where)] = whole_model_bytes(tensors, made, scratch_bytes);
  return made;
}

std::uint64_t tier_budgets::resolve(tier where, budget const& named, statistics const& now,
                                    std::uint64_t other_budget_bytes) const {
  if (named.what() != budget::kind::automatic) return named.bytes_of(whole_bytes(where));
  bool const is_vram = where == tier::vram;
  tier_claim const other{.budget_bytes = other_budget_bytes,
                         .whole_bytes = whole_bytes(is_vram ? tier::ram : tier::vram),
                         .held_bytes = (is_vram ? now.ram : now.vram).committed_bytes};
  return value_or_throw(auto_bytes(device_, where, (is_vram ? now.vram : now.ram).committed_bytes, other));
}

}  // namespace tierpager
