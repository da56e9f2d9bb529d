#include <core/residency/room_maker.hpp>

#include <algorithm>

namespace tierpager {

room room_maker::make_room(tier where, std::uint64_t bytes, bool for_ahead) {
  tier_arena const& arena = ledger_.memory[where].arena();
  tier_budget const& budget = ledger_.budget[where];
  while (arena.allocated_bytes() + bytes > budget.soft_limit_bytes()) {
    auto const victim = search_.first_victim(where);
    bool const fits = arena.allocated_bytes() + bytes <= budget.limit_bytes();
    if (!victim || (fits && ledger_.slots.at(*victim, where).pinned)) return fits ? room::there : room::none;
    slot const& leaving = ledger_.slots.at(*victim, where);
    if (for_ahead && (ledger_.cursor.at_home(*victim, where) || leaving.ahead || leaving.pinned)) return room::none;
    eviction_reason const why =
        where == tier::ram ? evictor_.why_from_ram(*victim, eviction_reason::room) : eviction_reason::room;
    evictor_.evict_even_pinned(*victim, where, why);
  }
  return room::there;
}

std::optional<tier_arena::placement> room_maker::place_by_remap(tier where, std::uint64_t bytes, room& made) {
  tier_budget const& budget = ledger_.budget[where];
  tier_memory& memory = ledger_.memory[where];
  if (!budget.options().can_remap) return std::nullopt;
  made = room::draining;
  if (memory.remaps()) return std::nullopt;
  if (where == tier::ram) evictor_.free_buffers();
  std::uint64_t const whole = round_up(bytes, budget.options().granule_bytes);
  auto const uncommitted = [&] {
    return budget.limit_bytes() - std::min(budget.limit_bytes(), memory.arena().committed_bytes());
  };
  for (auto victim = search_.first_victim(where); victim && memory.arena().whole_free_bytes() + uncommitted() < whole;
       victim = search_.first_victim(where))
    evictor_.evict(*victim, where, eviction_reason::fragmentation);
  auto placed = memory.arena().place_by_remap(bytes, budget.limit_bytes());
  if (placed) memory.count_last_resort();
  if (!placed && !memory.arena().draining()) made = room::none;
  return placed;
}

bool room_maker::shrink_further(tier where) {
  tier_budget const& budget = ledger_.budget[where];
  evict_above_target(where);
  tier_memory& memory = ledger_.memory[where];
  if (!memory.give_back()) return false;
  bool const fits = ledger_.slots.sum(where).held_bytes() + memory.quarantined_bytes() <= budget.target_bytes() &&
                    reservations_.granules_for({}, where);
  if (!fits) return false;  // promised under the old budget
  memory.reach_target();
  return true;
}

bool room_maker::make_do(tier where) {
  ledger_.memory[where].make_do();
  (void)shrink(where);
  return ledger_.budget[where].limit_bytes() <= ledger_.memory[where].arena().committed_bytes();
}

// By address, so that what stays is one piece, with as much room for a plan as the budget says; but pins stay where they
// are, as long as their granules are within the budget. What handles hold above the new end is given back once they are
// released, and what shares their granules may stay until then.
void room_maker::evict_above_target(tier where) {
  tier_arena const& arena = ledger_.memory[where].arena();
  std::uint64_t const target = ledger_.budget[where].target_bytes();
  std::uint64_t const reserve = ledger_.budget[where].reserve_bytes();
  auto const granules_of_pins = [&](std::uint64_t from) {
    return reservations_.granules_touched(where, {from, reserve - from},
                                          [&](tensor_id id) { return ledger_.slots.at(id, where).pinned; });
  };
  bool const pins_leave = granules_of_pins(0) > target;
  auto const who = pins_leave ? victim_search::may_leave::pinned_too : victim_search::may_leave::running_too;
  auto const leaves = [&](tenant const& each) {
    return search_.cost_of(each, where, false, who) && (pins_leave || !ledger_.slots.at(each.id, where).pinned);
  };
  std::uint64_t end = arena.end_of_committed(target);
  for (std::uint64_t before = end + 1; before != end && !pins_leave;) {
    before = end;
    end = std::min(end, arena.end_of_committed(target - granules_of_pins(end)));
  }
  auto const comes_free = [&](std::uint64_t offset) {
    byte_range const granule = arena.whole_granules({offset, 1});
    return granule.offset >= end && std::ranges::all_of(tenants_in(ledger_.slots.places(where), granule), leaves);
  };
  for (tenant const& each : tenants_in(ledger_.slots.places(where), {end, reserve - end})) {
    byte_range const own = each.range;
    bool const alone = arena.whole_bytes_in(own) > 0;
    if (!leaves(each) || !(alone || comes_free(own.offset) || comes_free(own.end() - 1))) continue;
    if (ledger_.slots.at(each.id, where).range == own)
      evictor_.evict_even_pinned(each.id, where, eviction_reason::budget);
    else
      evictor_.free_buffer(own);
  }
}

}  // namespace tierpager
