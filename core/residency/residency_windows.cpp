// A place where no hole is large enough: who leaves for it, or which memory is mapped elsewhere.
#include <algorithm>
#include <cassert>
#include <functional>

#include <core/residency/residency.hpp>

namespace tierpager {

// Nothing for a tensor that may not leave. For a load ahead nobody leaves who is at home here or was loaded ahead too.
std::optional<leave_cost> residency::cost_of(tenant const& each, tier where, bool for_ahead, may_leave who) const {
  tier_state const& of = at(where);
  tensor_id const id = each.id;
  slot const& one = slot_of(id, where);
  if (of.remap_for == id) return std::nullopt;
  if (one.range != each.range) return leave_cost{};  // a ring: free once its load is over
  bool const unused_pin = one.state == slot_state::resident && one.fixed && one.uses == 0 && !one.unproven;
  if (!evictable(id, where) && !(who == may_leave::pinned_too && unused_pin)) return std::nullopt;
  if (for_ahead && (at_home(id, where) || one.ahead || one.pinned)) return std::nullopt;
  if (who == may_leave::unless_running && !of.policy->exact() && last_use_of(id) == use_state::running)
    return std::nullopt;
  auto const bytes = static_cast<double>(one.footprint_bytes);
  leave_cost cost{.pinned = one.pinned ? 1U : 0U, .ahead = in_step() && one.ahead ? 1U : 0U};
  if (one.guest)
    cost.guest_bytes = bytes * of.guests->use_of(id);
  else
    cost.bytes_in_use = bytes * of.policy->use_of(id);
  return cost;
}

// A hole, else around the first in the order of eviction, so that the search does not grow with what is there; where there are more, and
// all of these stretches are cut short by what stays, everywhere.
std::optional<eviction_window> residency::search_windows(tier where, std::uint64_t bytes, bool for_ahead, may_leave who,
                                                         std::span<tensor_id const> kept) const {
  unsigned const stretches_max = at(where).rings > 0 ? 0 : 32;
  tier_state const& of = at(where);
  if (auto const hole = of.arena->holes().smallest_free(bytes)) return eviction_window{{hole->offset, bytes}, {}};
  auto const of_each = [&](tenant const& each) {
    bool const stays = std::binary_search(kept.begin(), kept.end(), each.id);
    return stays ? std::nullopt : cost_of(each, where, for_ahead, who);
  };
  cost_of_leaving const cost = std::cref(of_each);  // allocates nothing
  std::optional<eviction_window> best;
  std::vector<byte_range> searched;
  searched.reserve(stretches_max);
  auto first = first_in_line(where);
  for (; first && searched.size() < stretches_max; first = next_in_line(*first, where)) {
    if (for_ahead && at_home(*first, where)) first.reset();  // so are all behind it
    if (!first) break;
    byte_range const own = slot_of(*first, where).range;
    if (!cost({*first, own})) continue;
    std::uint64_t const from = own.offset - std::min(own.offset, bytes);
    byte_range const stretch{from, own.end() + bytes - from};
    bool const known = std::any_of(searched.begin(), searched.end(), [&](byte_range each) {
      return each.offset <= stretch.offset && stretch.end() <= each.end();
    });
    if (known) continue;
    searched.push_back(stretch);
    auto const found = cheapest_window(of.arena->holes(), of.lying, stretch, bytes, cost);
    if (found && (!best || found->cost < best->cost)) best = found;
  }
  bool const looked_at_all = !first && of.rings == 0;
  return best || looked_at_all ? best
                               : cheapest_window(of.arena->holes(), of.lying, {0, of.reserve_bytes}, bytes, cost);
}

// Unless the policy is exact, what is no longer in use goes before what a stream still uses: behind a slow stream every
// later copy would wait too, and that stream may be waiting for the caller of this very acquire.
records::window_choice residency::choose_window(std::uint64_t bytes, bool for_ahead) const {
  if (auto const found = search_windows(tier::vram, bytes, for_ahead, may_leave::unless_running)) return {found};
  if (at(tier::vram).policy->exact() || for_ahead) return {};
  return {.window = search_windows(tier::vram, bytes, for_ahead, may_leave::running_too), .running = true};
}

// Whether the first in line, up to one whose last use is over, have yet to be asked about theirs. `anew`: those that had
// not passed then may have by now.
bool residency::ask_in_line(bool anew) {
  constexpr unsigned looks_max = 64;
  constexpr unsigned asks_max = 8;
  unsigned asks = 0;
  auto victim = first_in_line(tier::vram);
  for (unsigned looks = 0; victim && looks < looks_max && asks < asks_max; ++looks) {
    tensor_id const id = *victim;
    victim = next_in_line(id, tier::vram);
    if (!evictable(id, tier::vram) || slot_of(id, tier::vram).pinned) continue;
    if (anew)
      for (fence const use : last_uses_of(id)) fences_.forget_running(use.stream);
    use_state const standing = last_use_of(id);
    if (standing == use_state::over && asks == 0) return false;
    if (standing == use_state::running) continue;
    ask(id);
    ++asks;
  }
  return asks > 0;
}

bool residency::ask_about(byte_range window) {
  bool asking = false;
  for (tensor_id id : lying_in(window)) {
    if (last_use_of(id) != use_state::unknown) continue;
    ask(id);
    asking = true;
  }
  return asking;
}

tier_arena::placement residency::evict_and_place(byte_range window) {
  tier_arena& arena = *at(tier::vram).arena;
  for (tensor_id id : lying_in(window)) {
    bool const by_bytes = arena.committed_bytes() - arena.allocated_bytes() < window.bytes;
    let_go(id, tier::vram, by_bytes ? eviction_reason::room : eviction_reason::fragmentation);
  }
  auto placed = arena.place_at(window);
  assert(placed);
  return std::move(*placed);
}

// A hole, else the cheapest window, else memory mapped elsewhere. `made`: whether there may be a place later.
std::optional<tier_arena::placement> residency::find_place(tensor_id id, load& one, room& made) {
  tier_arena& arena = *at(tier::vram).arena;
  std::uint64_t const bytes = footprint(id, tier::vram);
  made = options_.overcommit_pins ? make_room(tier::vram, bytes, id, one) : room::there;
  if (made != room::there) return std::nullopt;
  if (one.packed) {
    cost_of_leaving const cost = [&](tenant const& each) {
      return cost_of(each, tier::vram, false, may_leave::running_too);
    };
    if (auto const low = lowest_window(arena.holes(), at(tier::vram).lying, bytes, cost))
      return evict_and_place(low->range);
  }
  if (auto hole = arena.place(bytes)) return hole;
  made = room::draining;
  bool const exact = at(tier::vram).policy->exact();
  if (!exact && ask_in_line(false)) return std::nullopt;
  auto const [window, running] = choose_window(bytes, one.ahead);
  if (window) {
    if (in_step() && window->cost.ahead > 0 && ahead_comes()) return std::nullopt;
    if (!exact && running && !std::exchange(one.asked_anew, true) && ask_in_line(true)) return std::nullopt;
    if (!exact && !running && ask_about(window->range)) return std::nullopt;
    return evict_and_place(window->range);
  }
  made = room::none;
  if (one.ahead) return std::nullopt;
  if (auto placed = place_by_remap(tier::vram, bytes, made)) return placed;
  if (made == room::draining || may_be_released()) return std::nullopt;
  // Nobody will let go of anything. Pins that nobody uses come again.
  if (auto const last = search_windows(tier::vram, bytes, false, may_leave::pinned_too))
    return evict_and_place(last->range);
  if (!at(tier::vram).options.can_remap) return std::nullopt;
  bool any = false;
  for (tenant const& each : tenants_in(at(tier::vram).lying, {0, arena.reserve_bytes()})) {
    if (!cost_of(each, tier::vram, false, may_leave::pinned_too)) continue;
    let_go(each.id, tier::vram, eviction_reason::fragmentation);
    any = true;
  }
  return any ? place_by_remap(tier::vram, bytes, made) : std::nullopt;
}

// Whoever may leave, a pin that nobody uses among them.
void residency::let_go(tensor_id id, tier where, eviction_reason why) {
  bool const pin = slot_of(id, where).pinned;
  change(id, where, [](slot& unused) { unused.fixed = false; });
  evict(id, where, pin && why == eviction_reason::room ? eviction_reason::fragmentation : why);
}

// The last resort: whole granules from elsewhere, mapped together.
std::optional<tier_arena::placement> residency::place_by_remap(tier where, std::uint64_t bytes, room& made) {
  tier_state& of = at(where);
  if (!of.options.can_remap) return std::nullopt;
  made = room::draining;
  if (of.remap) return std::nullopt;
  std::uint64_t const whole = round_up(bytes, of.options.granule_bytes);
  if (where == tier::ram) free_rings();
  auto const uncommitted = [&] { return of.limit_bytes - std::min(of.limit_bytes, of.arena->committed_bytes()); };
  for (auto victim = find_victim(where); victim && of.arena->whole_free_bytes() + uncommitted() < whole;
       victim = find_victim(where))
    evict(*victim, where, eviction_reason::fragmentation);
  auto placed = of.arena->place_by_remap(bytes, of.limit_bytes);
  if (placed) ++of.last_resorts;
  if (!placed && !of.arena->draining()) made = room::none;
  return placed;
}

}  // namespace tierpager
