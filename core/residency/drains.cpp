#include <core/residency/drains.hpp>

#include <span>
#include <utility>

namespace tierpager {

void drains::add(fence last_copy, fence stage_use) {
  ledger_.commands.watch(last_copy);
  proved_.push_back({.until = last_copy, .stage_use = stage_use});
}

void drains::add_unproved(fence stage_use, byte_range quarantined) {
  ledger_.memory.ram.quarantine(quarantined);
  unproved_.push_back({.stage_use = stage_use, .quarantined = quarantined});
}

std::optional<fence> drains::take_over() {
  if (proved_.empty() || !ledger_.fences.known_passed(proved_.front().until)) return std::nullopt;
  fence const use = proved_.front().stage_use;
  proved_.pop_front();
  return use;
}

void drains::settle_if_needed() {
  if (settling_ || ledger_.fences.lost()) return;
  settling_ram_ = unproved_.size();
  settling_vram_ = reservations_.quarantined().size();
  settling_ = settling_ram_ + settling_vram_ > 0;
  if (settling_) ledger_.commands.emit(settle_command{});
}

void drains::prove(std::size_t count, fence until) {
  for (unproved const& each : std::span(unproved_).first(count)) {
    if (each.quarantined.bytes > 0) ledger_.memory.ram.end_quarantine(each.quarantined, {});
    proved_.push_back({.until = until, .stage_use = each.stage_use});
  }
  unproved_.erase(unproved_.begin(), unproved_.begin() + static_cast<std::ptrdiff_t>(count));
}

void drains::settled(fence until) {
  settling_ = false;
  reservations_.end_quarantine(settling_vram_, std::span(&until, 1));
  prove(settling_ram_, until);
  settle_if_needed();  // for what failed since this fence was asked for
}

void drains::device_lost() {
  settling_ram_ = settling_vram_ = 0;
  ledger_.memory.vram.arena().all_passed();
  reservations_.end_quarantine(reservations_.quarantined().size(), {});
  prove(unproved_.size(), fence{});
}

}  // namespace tierpager
