#include <core/residency/evictor.hpp>

#include <algorithm>
#include <cassert>

namespace tierpager {

bool evictor::evictable(tensor_id id, tier where) const {
  slot const& tensor = ledger_.slots.at(id, where);
  if (where == tier::ram)
    return tensor.state != slot_state::absent && !lasting(tensor) && ledger_.memory.ram.serves() != id;
  return tensor.state == slot_state::resident && !held(tensor);
}

bool evictor::may_all_leave(std::span<tensor_id const> ids) const {
  return std::ranges::all_of(ids, [&](tensor_id id) {
    slot const& tensor = ledger_.slots.at(id, tier::vram);
    return evictable(id, tier::vram) && !tensor.pinned && !(in_step() && tensor.ahead);
  });
}

void evictor::evict(tensor_id id, tier where, eviction_reason why) {
  assert(evictable(id, where));
  slot const& leaving = ledger_.slots.at(id, where);
  std::vector<fence> last_uses = where == tier::vram ? ledger_.slots.last_uses(id) : std::vector<fence>();
  if (leaving.copying) last_uses.push_back(ledger_.slots.last_copy(id));
  std::erase_if(last_uses, [&](fence use) { return ledger_.fences.known_passed(use); });
  for (fence const use : last_uses) ledger_.commands.watch(use);
  ledger_.memory[where].arena().free(leaving.range, last_uses);
  ledger_.slots.set_range(id, where, {});
  ledger_.slots.set_absent(id, where);
  if (where == tier::vram && why == eviction_reason::room) ledger_.cursor.fall_back();
  if (leaving.ahead) {
    ledger_.slots.set_ahead(id, false);
    ledger_.cursor.fall_back();
    ledger_.counts.ahead_unused_bytes += leaving.bytes;
  }
  ledger_.order[where].erased(id);
  classify(id, where);
  if (where == tier::vram) classify(id, tier::ram);
  ++evictions_[where][static_cast<std::size_t>(why)];
  ledger_.commands.emit(tell_evicted_command{id, where, why});
}

void evictor::evict_even_pinned(tensor_id id, tier where, eviction_reason why) {
  bool const pinned = ledger_.slots.at(id, where).pinned;
  ledger_.slots.set_fixed(id, where, false);
  evict(id, where, pinned && why == eviction_reason::room ? eviction_reason::fragmentation : why);
}

void evictor::clear_ram(byte_range range, eviction_reason why) {
  for (tenant const& each : tenants_in(ledger_.slots.places(tier::ram), range)) {
    if (ledger_.slots.is_buffer(each))
      free_buffer(each.range);
    else
      evict(each.id, tier::ram, why_from_ram(each.id, why));
  }
}

void evictor::free_buffer(byte_range range) {
  ledger_.slots.remove_buffer(range);
  ledger_.memory.ram.arena().free(range, {});
}

void evictor::free_buffers() {
  if (ledger_.slots.buffers() == 0) return;
  tenants const there = ledger_.slots.places(tier::ram);
  for (auto const& [offset, each] : there)
    if (ledger_.slots.is_buffer(each) && ledger_.memory.ram.serves() != each.id) free_buffer(each.range);
}

// One that is streamed and has its home in VRAM, or without a plan is in VRAM, had its copy there.
eviction_reason evictor::why_from_ram(tensor_id id, eviction_reason otherwise) const {
  bool const promoted = ledger_.cursor.plan() != nullptr ? ledger_.cursor.at_home(id, tier::vram)
                                                         : ledger_.slots.at(id, tier::vram).state != slot_state::absent;
  return promoted && ledger_.slots.at(id, tier::ram).streamed ? eviction_reason::promoted : otherwise;
}

void evictor::touch(tensor_id id, tier where) {
  slot const& tensor = ledger_.slots.at(id, where);
  if (tensor.ahead) [[unlikely]] {
    ++ledger_.counts.vram_ahead;
    ledger_.slots.set_ahead(id, false);
  }
  // Under a plan the policy ranks what is at home, and only where one of these must leave.
  ledger_.order[where].touched(id, ledger_.cursor.plan() == nullptr || tensor.state == slot_state::absent);
}

void evictor::classify(tensor_id id, tier where) {
  if (!ledger_.cursor.enabled() || ledger_.slots.footprint(id, where) == 0) return;
  slot const& in_vram = ledger_.slots.at(id, tier::vram);
  bool const copy = where == tier::ram && in_vram.footprint_bytes > 0 && in_vram.state != slot_state::absent;
  bool const elsewhere = ledger_.cursor.plan() != nullptr ? !ledger_.cursor.at_home(id, where) : copy;
  ledger_.order[where].set_streamed(id, ledger_.slots.at(id, where).state != slot_state::absent && elsewhere);
}

void evictor::evict_misplaced(tensor_id id, tier where) {
  slot const& tensor = ledger_.slots.at(id, where);
  auto const planned = ledger_.cursor.planned_offset(id, where);
  bool const misplaced = planned && ledger_.cursor.at_home(id, where) && tensor.footprint_bytes > 0 &&
                         tensor.range != byte_range{*planned, tensor.footprint_bytes};
  if (misplaced && evictable(id, where) && !tensor.pinned) evict(id, where, eviction_reason::plan);
}

}  // namespace tierpager
