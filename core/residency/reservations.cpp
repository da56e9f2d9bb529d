#include <core/residency/reservations.hpp>

#include <algorithm>
#include <cassert>

namespace tierpager {
namespace {

bool overlap(byte_range a, byte_range b) { return a.offset < b.end() && b.offset < a.end(); }

}  // namespace

std::vector<reservation>::iterator reservations::find(tensor_id id) {
  auto const found = std::ranges::find(unplaced_, id, &reservation::id);
  assert(found != unplaced_.end());
  return found;
}

void reservations::add(reservation load) {
  unplaced_.push_back(load);
  if (load.awaited()) ++awaited_;
}

void reservations::remove(tensor_id id) {
  auto const load = find(id);
  if (load->awaited()) --awaited_;
  unplaced_.erase(load);
}

void reservations::set_asked_for(tensor_id id) {
  auto const load = find(id);
  if (std::exchange(load->ahead, false) && load->awaited()) ++awaited_;
}

void reservations::set_failed(tensor_id id, bool failed) {
  auto const load = find(id);
  if (load->awaited()) --awaited_;
  load->failed = failed;
  if (load->awaited()) ++awaited_;
}

bool reservations::is_reserved(byte_range range, tensor_id except) const {
  auto const belongs_there = [&](tensor_id id) {
    auto const own = planned_range(id);
    return id != except && own && overlap(*own, range);
  };
  return std::ranges::any_of(ledger_.slots.ahead(), belongs_there) ||
         std::ranges::any_of(unplaced_, belongs_there, &reservation::id);
}

std::vector<tensor_id> reservations::staying_in(byte_range range) const {
  std::vector<tensor_id> ids = ledger_.slots.lying_in(range, tier::vram);
  std::erase_if(ids, [&](tensor_id each) {
    slot const& there = ledger_.slots.at(each, tier::vram);
    return !there.ahead && !held(there) && is_reserved(there.range, each);
  });
  return ids;
}

bool reservations::gives_way(tensor_id id) const {
  auto const to = ledger_.slots.evicted_for(id);
  return to && (ledger_.slots.at(*to, tier::vram).ahead || ledger_.slots.at(*to, tier::vram).uses > 0);
}

// What lies in the place that the plan has for it.
void reservations::add_scheduled_evictions(tensor_id load, std::vector<tensor_id>& evictions) const {
  auto const place = planned_range(load);
  if (!place) return;
  for (tensor_id const each : ledger_.slots.lying_in(*place, tier::vram)) {
    slot const& there = ledger_.slots.at(each, tier::vram);
    if (each != load && !there.ahead && !held(there)) evictions.push_back(each);
  }
}

std::uint64_t reservations::bytes_once_all_came() const {
  std::uint64_t bytes = ledger_.memory.vram.arena().allocated_bytes();
  std::vector<tensor_id> evictions;
  for (tensor_id const id : ledger_.slots.ahead()) add_scheduled_evictions(id, evictions);
  for (reservation const& load : unplaced_) {
    bytes += ledger_.slots.footprint(load.id, tier::vram);
    add_scheduled_evictions(load.id, evictions);
  }
  for (tensor_id const id : distinct(evictions)) bytes -= ledger_.slots.footprint(id, tier::vram);
  return bytes;
}

std::uint64_t reservations::promised_bytes() const {
  std::uint64_t bytes = ledger_.slots.sum(tier::vram).held_bytes() + ledger_.memory.vram.quarantined_bytes();
  for (tensor_id const id : ledger_.slots.ahead()) {
    slot const& there = ledger_.slots.at(id, tier::vram);
    if (there.state == slot_state::resident) bytes += there.footprint_bytes;
  }
  return bytes;
}

bool reservations::granules_for(std::span<tensor_id const> ids, tier where) const {
  tier_budget const& budget = ledger_.budget[where];
  std::uint64_t const granule = budget.options().granule_bytes;
  if (budget.options().footprint_align_bytes() == granule || !budget.options().can_remap) return true;
  std::uint64_t promised = 0;
  std::vector<tensor_id> const wanted = distinct(ids);
  auto const promise = [&](tensor_id id) {  // it may begin and end within a granule
    std::uint64_t const bytes = ledger_.slots.footprint(id, where);
    if (bytes > 0) promised += round_up(bytes, granule) + granule;
  };
  for (tensor_id const id : wanted)
    if (ledger_.slots.at(id, where).state == slot_state::absent) promise(id);
  for (reservation const& load : unplaced_)
    if (load.awaited()) promise(load.id);
  if (promised == 0) return true;
  // More than can be touched, which is mostly enough, and found without a look at all that lies there.
  slot_table::sums const& sum = ledger_.slots.sum(where);
  std::uint64_t const touching = sum.held_tensors + wanted.size() + quarantined_.size() + 1;
  std::uint64_t most = sum.held_bytes() + ledger_.memory[where].quarantined_bytes() + 2 * granule * touching;
  for (tensor_id const id : wanted) most += ledger_.slots.footprint(id, where);
  if (most + promised <= budget.target_bytes()) return true;
  std::uint64_t touched = granules_touched(where, {0, budget.reserve_bytes()}, [&](tensor_id id) {
    return held(ledger_.slots.at(id, where)) || std::binary_search(wanted.begin(), wanted.end(), id);
  });
  for (byte_range const range : quarantined_) touched += ledger_.memory[where].arena().whole_granules(range).bytes;
  return touched + promised <= budget.target_bytes();
}

std::uint64_t reservations::granules_touched(tier where, byte_range within,
                                             std::function<bool(tensor_id)> const& counts) const {
  tier_arena const& arena = ledger_.memory[where].arena();
  std::uint64_t sum = 0;
  std::uint64_t reached = round_down(within.offset, arena.granule_bytes());
  auto const touch = [&](byte_range range) {
    byte_range const whole = arena.whole_granules(range);
    if (range.bytes == 0 || whole.end() <= reached) return;
    sum += whole.end() - std::max(reached, whole.offset);
    reached = whole.end();
  };
  if (where == tier::vram) touch(ledger_.scratch);
  for (tenant const& each : tenants_in(ledger_.slots.places(where), within))
    if (counts(each.id)) touch(each.range);
  return sum;
}

void reservations::fix_if_room(tensor_id id, tier where) {
  slot const& pin = ledger_.slots.at(id, where);
  if (!pin.pinned || pin.state == slot_state::absent) return;
  std::uint64_t const held_bytes =
      ledger_.slots.sum(where).held_bytes() + (held(pin) ? 0 : pin.footprint_bytes);  // with the pin
  bool const fits = held_bytes + ledger_.memory[where].quarantined_bytes() <= ledger_.budget[where].target_bytes() &&
                    (held(pin) || where == tier::ram || granules_for(std::span(&id, 1), where));
  if (pin.uses > 0 || fits) ledger_.slots.set_fixed(id, where, true);
}

void reservations::quarantine(byte_range range) {
  quarantined_.push_back(range);
  ledger_.memory.vram.quarantine(range);
}

void reservations::end_quarantine(std::size_t count, std::span<fence const> last_uses) {
  auto const end = quarantined_.begin() + static_cast<std::ptrdiff_t>(count);
  for (auto range = quarantined_.begin(); range != end; ++range) ledger_.memory.vram.end_quarantine(*range, last_uses);
  quarantined_.erase(quarantined_.begin(), end);
}

}  // namespace tierpager
