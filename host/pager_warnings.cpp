#include <host/pager_warnings.hpp>

#include <algorithm>
#include <utility>

#include <core/pin_preset.hpp>
#include <host/this_thread_owner.hpp>
#include <host/warning_texts.hpp>

namespace tierpager {

pager_warnings::pager_warnings(pager_core& core, device& on, catalog const& tensors, tier_budgets const& budgets,
                               warning_callback on_warning)
    : core_(core), device_(on), tensors_(tensors), budgets_(budgets), on_warning_(std::move(on_warning)) {}

void pager_warnings::of_refusals() {
  if (!on_warning_) return;
  statistics const now = core_->stats();
  for (tier const where : {tier::vram, tier::ram}) {
    tier_statistics const& counted = where == tier::vram ? now.vram : now.ram;
    std::uint64_t& told = refusals_told_[static_cast<std::size_t>(where)];
    if (std::exchange(told, counted.refused_commits) == counted.refused_commits) continue;
    core_.unlock();
    on_warning_(refused_memory_warning(where, counted));
    core_.lock();
  }
}

void pager_warnings::of_unlocked_ram() {
  if (!on_warning_ || unlocked_ram_told_) return;
  auto const why = device_.page_lock_failure();
  if (!why) return;
  unlocked_ram_told_ = true;
  std::uint64_t const wanted_bytes = std::min(core_->stats().ram.effective_bytes, budgets_.whole_bytes(tier::ram));
  core_.unlock();
  on_warning_(unlocked_ram_warning(*why, wanted_bytes, device_.vram_is_ram(), locked_memory_limit_bytes()));
  core_.lock();
}

void pager_warnings::of_pins(std::vector<std::string> const& globs_and_presets, tier where) {
  if (!on_warning_) return;
  for (std::string& note : pin_notes(tensors_, globs_and_presets)) on_warning_(pin_warning(where, std::move(note)));
}

void pager_warnings::of_budgets(std::array<bool, 2> is_automatic) {
  if (!on_warning_) return;
  std::vector<std::string> texts;
  {
    scoped_lock const lock(core_.mutex());
    statistics const now = core_->stats();
    for (tier const where : {tier::vram, tier::ram}) {
      bool const present = where == tier::vram ? now.vram.present : now.ram.present;
      if (!present || !is_automatic[static_cast<std::size_t>(where)]) continue;
      if (auto text = auto_budget_warning(where, now, budgets_.whole_bytes(where))) texts.push_back(std::move(*text));
    }
    if (auto refusal = refusal_of_largest()) texts.push_back(too_large_warning(std::move(*refusal)));
  }
  for (std::string const& text : texts) on_warning_(text);
}

// Of the tier that tensors are acquired in. What is absent is not acquired by asking.
std::optional<failure> pager_warnings::refusal_of_largest() {
  tier const where = core_->stats().vram.present ? tier::vram : tier::ram;
  auto const largest = std::max_element(tensors_.begin(), tensors_.end(),
                                        [](tensor_info const& a, tensor_info const& b) { return a.bytes < b.bytes; });
  if (largest == tensors_.end()) return std::nullopt;
  auto const id = static_cast<tensor_id>(largest - tensors_.begin());
  if (core_->resident(id, where)) return std::nullopt;
  auto const asked = core_->try_acquire(std::span(&id, 1), where, this_thread_owner());
  if (asked.ok() || asked.error().code != errc::budget_too_small) return std::nullopt;
  return asked.error();
}

}  // namespace tierpager
