// How loads end: what is there when one is complete, and the way back out where it fails.
#include <algorithm>
#include <cassert>

#include <core/residency/residency.hpp>

namespace tierpager {

void residency::ram_complete(tensor_id id, load& one) {
  if (!one.stays_in_ram()) {
    assert(one.to_vram || one.waiters.empty());
    if (!one.to_vram) finish(id, one);
    return;
  }
  change(id, tier::ram, [](slot& there) { there.state = slot_state::resident; });
  fix_if_room(id, tier::ram);
  arrived(one, id, tier::ram);
  if (!one.to_vram) finish(id, one);
}

void residency::vram_complete(tensor_id id, load& one) {
  change(id, tier::vram, [&](slot& there) {
    there.state = slot_state::resident;
    there.copying = one.last_copy.has_value();
    rest_of(id, tier::vram).ready = one.last_copy.value_or(fence{});
  });
  if (slot_of(id, tier::vram).pinned) give_up_what_waits();
  fix_if_room(id, tier::vram);
  arrived(one, id, tier::vram);
  finish(id, one);
}

// The stage is no longer needed once the last copy has left it. Destroys `one`.
void residency::finish(tensor_id id, load& one) {
  assert(one.waiters.empty() && one.reads_out == 0 && one.copies_out == 0);
  load const gone = std::move(one);
  loads_.erase(static_cast<std::uint32_t>(id));
  if (!gone.last_copy || fences_.known_passed(*gone.last_copy)) return stage_over(gone);
  watch(*gone.last_copy);
  ram_drains_.push_back({.until = gone.last_copy, .stage_use = gone.stage_use, .quarantined = {}});
}

// Everybody who waits for the tensor is told at once; what it took is freed when no answer is outstanding.
void residency::fail(tensor_id id, load& one, failure const& why) {
  if (one.failed) return;
  one.failed = why;
  one.failed->tensor = tensors_[id].name;
  ++counters_.failed_loads;
  std::erase(staging_, id);
  std::erase(placing_, id);
  failure const told = *one.failed;
  for (request_id waiter : std::vector(one.waiters)) reject(waiter, told);
  clean_up(id, one);
}

// Destroys `one` once nothing it asked for is still to be answered.
void residency::clean_up(tensor_id id, load& one) {
  if (one.reads_out > 0 || one.copies_out > 0 || one.stage_asked || one.place_asked) return;
  load const gone = std::move(one);
  loads_.erase(static_cast<std::uint32_t>(id));
  if (!gone.from_ram) counters_.bytes_from_disk -= tensors_[id].bytes - gone.bytes_read;
  if (gone.to_vram) {
    counters_.bytes_to_device -= tensors_[id].bytes - gone.bytes_copied;
    if (gone.began_ahead) counters_.ahead_bytes -= tensors_[id].bytes - gone.bytes_copied;
    if (slot_of(id, tier::vram).ahead) {
      counters_.ahead_unused_bytes += gone.bytes_copied;
      no_longer_ahead(id);
    }
    byte_range const range = slot_of(id, tier::vram).range;
    set_range(id, tier::vram, {});
    change(id, tier::vram, [](slot& failed) { failed.state = slot_state::absent; });
    at(tier::vram).policy->erased(id);
    classify(id, tier::vram);
    if (gone.placed) give_up_vram(range, gone);
  }
  if (gone.has_stage()) give_up_stage(id, gone);
  settle_if_needed();
}

void residency::give_up_vram(byte_range range, load const& gone) {
  if (gone.tainted && !lost_) {
    quarantined_vram_.push_back({range});
    at(tier::vram).quarantined_bytes += range.bytes;
    return;
  }
  std::vector<fence> last_uses;
  if (gone.last_copy && !fences_.known_passed(*gone.last_copy)) last_uses.push_back(*gone.last_copy);
  for (fence use : last_uses) watch(use);
  at(tier::vram).arena->free(range, last_uses);
}

// A RAM slot that was read to its end stays: its bytes are right. What was not is free once no copy reads it.
void residency::give_up_stage(tensor_id id, load const& gone) {
  if (gone.stage_waits) --waiting_stages_;
  bool const whole = gone.stays_in_ram() && slot_of(id, tier::ram).state == slot_state::resident;
  bool const left = !whole && leave_stage(id, gone);
  records::ram_drain drain{.until = gone.last_copy, .stage_use = gone.stage_use, .quarantined = {}};
  if (gone.tainted && !lost_) {
    drain.until.reset();
    if (left) drain.quarantined = gone.stage;
    at(tier::ram).quarantined_bytes += drain.quarantined.bytes;
    unproved_drains_.push_back(drain);
    return;
  }
  if (left) at(tier::ram).arena->free(gone.stage, {});
  if (lost_ || !drain.until || fences_.known_passed(*drain.until)) return stage_over(gone);
  watch(*drain.until);
  ram_drains_.push_back(drain);
}

// Loads that wait for memory which only the device can free. Where RAM is quarantined, handles may not be all that
// stands in the way of a starved one.
std::vector<tensor_id> residency::stalled() {
  bool const unproved = at(tier::ram).quarantined_bytes > 0;
  std::vector<tensor_id> ids;
  for (tensor_id id : staging_)
    if (!find_load(id)->starved || unproved) ids.push_back(id);
  for (tensor_id id : placing_)
    if (may_place(id, *find_load(id))) ids.push_back(id);
  for (auto const& [id, one] : loads_)
    if (one.stage_waits) ids.push_back(static_cast<tensor_id>(id));
  return ids;
}

void residency::fail_stalled(failure const& why) {
  std::vector<tensor_id> ids = stalled();
  for (auto const& [id, one] : loads_)  // rings that wait for a copy to leave a slot
    if (one.ring && one.placed && one.reads_out == 0 && one.copies_out == 0 && !one.failed)
      ids.push_back(static_cast<tensor_id>(id));
  for (tensor_id id : ids) {
    load* const one = find_load(id);
    bool const goes_on = one != nullptr && one->reads_out > 0;  // for which another made way
    if (one != nullptr && !goes_on) fail(id, *one, why);
  }
}

}  // namespace tierpager
