// What the executor warns of. Each is put together under the lock where it has to be, and told without.
#include <algorithm>
#include <utility>

#include <core/pin_preset.hpp>
#include <host/executor.hpp>
#include <host/warning_texts.hpp>

namespace tierpager {

void executor::warn_of_refusals() {
  if (!on_warning_) return;
  statistics const now = core_->stats();
  for (tier const where : {tier::vram, tier::ram}) {
    tier_statistics const& one = where == tier::vram ? now.vram : now.ram;
    std::uint64_t& told = refusals_told_[static_cast<std::size_t>(where)];
    if (std::exchange(told, one.refused_commits) == one.refused_commits) continue;
    mutex_.unlock();
    on_warning_(refused_memory_warning(where, one));
    mutex_.lock();
  }
}

// Once: what is committed later is not asked for again.
void executor::warn_of_unlocked_ram() {
  if (!on_warning_ || unlocked_ram_told_) return;
  auto const why = device_->page_lock_failure();
  if (!why) return;
  unlocked_ram_told_ = true;
  std::uint64_t const wanted_bytes = std::min(core_->stats().ram.effective_bytes, whole_bytes(tier::ram));
  mutex_.unlock();
  on_warning_(unlocked_ram_warning(*why, wanted_bytes, device_->vram_is_ram(), locked_memory_limit_bytes()));
  mutex_.lock();
}

void executor::warn_of_pins(std::vector<std::string> const& globs_and_presets, tier where) {
  if (!on_warning_) return;
  for (std::string& note : pin_notes(tensors_, globs_and_presets)) on_warning_(pin_warning(where, std::move(note)));
}

void executor::warn_of_budgets(std::array<bool, 2> is_automatic) {
  if (!on_warning_) return;
  std::vector<std::string> told;
  {
    scoped_lock const lock(mutex_);
    statistics const now = core_->stats();
    for (tier const where : {tier::vram, tier::ram}) {
      bool const present = where == tier::vram ? now.vram.present : now.ram.present;
      if (!present || !is_automatic[static_cast<std::size_t>(where)]) continue;
      if (auto text = auto_budget_warning(where, now, whole_bytes(where))) told.push_back(std::move(*text));
    }
    if (auto refusal = refusal_of_largest()) told.push_back(too_large_warning(std::move(*refusal)));
  }
  for (std::string const& each : told) on_warning_(each);
}

// Of the tier that tensors are acquired in. What is absent is not acquired by asking.
std::optional<failure> executor::refusal_of_largest() {
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
