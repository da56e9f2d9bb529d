#include <core/residency/vram_places.hpp>

#include <algorithm>
#include <cassert>
#include <utility>

namespace tierpager {
namespace {

bool overlap(byte_range a, byte_range b) { return a.offset < b.end() && b.offset < a.end(); }

}  // namespace

bool vram_places::may_place(tensor_id id, load const& coming) const {
  if (!coming.in_ram.ready || coming.failed || coming.placed || coming.place_asked) return false;
  return coming.chunks.read_as_far_as_it_can_be() || reservations_.planned_range(id) || fits_as_it_is(id, coming);
}

// Into a hole, so that nothing need leave.
bool vram_places::fits_as_it_is(tensor_id id, load const& coming) const {
  tier_arena const& arena = ledger_.memory.vram.arena();
  std::uint64_t const bytes = ledger_.slots.footprint(id, tier::vram);
  return !coming.packed && arena.largest_hole_bytes() >= bytes &&
         arena.allocated_bytes() + bytes <= ledger_.budget.vram.soft_limit_bytes();
}

vram_places::planned_place vram_places::place_as_planned(load const& coming, byte_range own) {
  using use_state = victim_search::use_state;
  tier_arena& arena = ledger_.memory.vram.arena();
  std::vector<tensor_id> const there = ledger_.slots.lying_in(own, tier::vram);
  bool const barred =
      overlap(ledger_.scratch, own) || !arena.is_committed(own) ||
      std::ranges::any_of(reservations_.quarantined(), [&](byte_range each) { return overlap(each, own); });
  if (barred || !evictor_.may_all_leave(there)) return {.placed = std::nullopt, .elsewhere = true};
  if (!there.empty() && !coming.chunks.read_as_far_as_it_can_be()) return {};
  bool asking = false;
  for (tensor_id const each : there) {
    use_state const now = search_.last_use_of(each);
    if (now == use_state::running) return {.placed = std::nullopt, .elsewhere = !coming.ahead};
    if (now == use_state::unknown) search_.ask(each);
    asking = asking || now == use_state::unknown;
  }
  if (asking) return {};
  for (tensor_id const each : there) evictor_.evict(each, tier::vram, eviction_reason::plan);
  auto placed = arena.place_at(own);
  bool const comes = placed.has_value();  // else part of it is still being committed
  return {.placed = std::move(placed), .elsewhere = !comes};
}

std::optional<tier_arena::placement> vram_places::place(tensor_id id, load& coming, room& made,
                                                        std::function<bool()> const& may_be_released) {
  using may_leave = victim_search::may_leave;
  made = room::draining;
  if (!coming.chunks.read_as_far_as_it_can_be() && !fits_as_it_is(id, coming)) return std::nullopt;
  tier_arena& arena = ledger_.memory.vram.arena();
  std::uint64_t const bytes = ledger_.slots.footprint(id, tier::vram);
  made = ledger_.options.overcommit_pins ? rooms_.make_room(tier::vram, bytes, coming.ahead) : room::there;
  if (made != room::there) return std::nullopt;
  if (coming.packed) {
    cost_of_leaving const cost = [&](tenant const& each) {
      return search_.cost_of(each, tier::vram, false, may_leave::running_too);
    };
    if (auto const low = lowest_window(arena.holes(), ledger_.slots.places(tier::vram), bytes, cost))
      return evict_and_place(low->range);
  }
  if (auto hole = arena.place(bytes)) return hole;
  made = room::draining;
  bool const exact = ledger_.order.vram.exact();
  if (!exact && search_.ask_in_order(false)) return std::nullopt;
  auto const [window, running] = search_.choose(bytes, coming.ahead);
  if (window) {
    bool const ahead_comes = std::ranges::any_of(ledger_.slots.ahead(), [&](tensor_id each) {
      slot const& there = ledger_.slots.at(each, tier::vram);
      return there.state == slot_state::loading && there.range.bytes > 0;
    });
    if (evictor_.in_step() && window->cost.ahead > 0 && ahead_comes) return std::nullopt;
    if (!exact && running && !std::exchange(coming.asked_anew, true) && search_.ask_in_order(true)) return std::nullopt;
    if (!exact && !running && search_.ask_about(window->range)) return std::nullopt;
    return evict_and_place(window->range);
  }
  made = room::none;
  if (coming.ahead) return std::nullopt;
  if (auto placed = rooms_.place_by_remap(tier::vram, bytes, made)) return placed;
  if (made == room::draining || may_be_released()) return std::nullopt;
  return place_without_unused_pins(bytes, made);
}

// Nothing will be released any more. Pins that no handle holds come again.
std::optional<tier_arena::placement> vram_places::place_without_unused_pins(std::uint64_t bytes, room& made) {
  using may_leave = victim_search::may_leave;
  if (auto const last = search_.cheapest(tier::vram, bytes, false, may_leave::pinned_too))
    return evict_and_place(last->range);
  if (!ledger_.budget.vram.options().can_remap) return std::nullopt;
  bool any = false;
  byte_range const everywhere{0, ledger_.memory.vram.arena().reserve_bytes()};
  for (tenant const& each : tenants_in(ledger_.slots.places(tier::vram), everywhere)) {
    if (!search_.cost_of(each, tier::vram, false, may_leave::pinned_too)) continue;
    evictor_.evict_even_pinned(each.id, tier::vram, eviction_reason::fragmentation);
    any = true;
  }
  return any ? rooms_.place_by_remap(tier::vram, bytes, made) : std::nullopt;
}

tier_arena::placement vram_places::evict_and_place(byte_range window) {
  tier_arena& arena = ledger_.memory.vram.arena();
  for (tensor_id const id : ledger_.slots.lying_in(window, tier::vram)) {
    bool const by_bytes = arena.committed_bytes() - arena.allocated_bytes() < window.bytes;
    evictor_.evict_even_pinned(id, tier::vram, by_bytes ? eviction_reason::room : eviction_reason::fragmentation);
  }
  auto placed = arena.place_at(window);
  assert(placed);
  return std::move(*placed);
}

}  // namespace tierpager
