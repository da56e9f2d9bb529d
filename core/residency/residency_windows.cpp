// A place in VRAM where no hole is large enough: who leaves for it, or which memory is mapped elsewhere.
#include <algorithm>
#include <cassert>
#include <functional>

#include <core/residency/residency.hpp>

namespace tierpager {

// Nothing for a tensor that may not leave. For a load ahead nobody leaves who is at home here or was loaded ahead too.
std::optional<leave_cost> residency::cost_of(tensor_id id, bool for_ahead, may_leave who) const {
  tier_state const& vram = at(tier::vram);
  slot const& one = slot_of(id, tier::vram);
  bool const unused_pin = one.state == slot_state::resident && one.fixed && one.uses == 0 && !one.unproven;
  if (!evictable(id, tier::vram) && !(who == may_leave::pinned_too && unused_pin)) return std::nullopt;
  if (for_ahead && (at_home(id, tier::vram) || one.ahead || one.pinned)) return std::nullopt;
  if (who == may_leave::unless_running && !vram.policy->exact() && last_use_of(id) == use_state::running)
    return std::nullopt;
  auto const bytes = static_cast<double>(one.footprint_bytes);
  leave_cost cost{.pinned = one.pinned ? 1U : 0U, .ahead = in_step() && one.ahead ? 1U : 0U};
  if (one.guest)
    cost.guest_bytes = bytes * vram.guests->use_of(id);
  else
    cost.bytes_in_use = bytes * vram.policy->use_of(id);
  return cost;
}

// Around the first in the order of eviction, so that the search does not grow with what is there; where all of these
// stretches are cut short by what stays, everywhere.
std::optional<eviction_window> residency::search_windows(std::uint64_t bytes, bool for_ahead, may_leave who,
                                                         std::span<tensor_id const> kept) const {
  constexpr unsigned stretches_max = 32;
  tier_state const& vram = at(tier::vram);
  auto const of_each = [&](tensor_id id) {
    bool const stays = std::binary_search(kept.begin(), kept.end(), id);
    return stays ? std::nullopt : cost_of(id, for_ahead, who);
  };
  cost_of_leaving const cost = std::cref(of_each);  // allocates nothing
  std::optional<eviction_window> best;
  std::vector<byte_range> searched;
  searched.reserve(stretches_max);
  for (auto first = first_in_line(tier::vram); first && searched.size() < stretches_max;
       first = next_in_line(*first, tier::vram)) {
    if (!cost(*first)) continue;
    byte_range const own = slot_of(*first, tier::vram).range;
    std::uint64_t const from = own.offset - std::min(own.offset, bytes);
    byte_range const stretch{from, own.end() + bytes - from};
    bool const known = std::any_of(searched.begin(), searched.end(), [&](byte_range each) {
      return each.offset <= stretch.offset && stretch.end() <= each.end();
    });
    if (known) continue;
    searched.push_back(stretch);
    auto const found = cheapest_window(vram.arena->holes(), vram.lying, stretch, bytes, cost);
    if (found && (!best || found->cost < best->cost)) best = found;
  }
  return best ? best : cheapest_window(vram.arena->holes(), vram.lying, {0, vram.reserve_bytes}, bytes, cost);
}

// Unless the policy is exact, what is no longer in use goes before what a stream still uses: behind a slow stream every
// later copy would wait too, and that stream may be waiting for the caller of this very acquire.
records::window_choice residency::choose_window(std::uint64_t bytes, bool for_ahead) const {
  if (auto const found = search_windows(bytes, for_ahead, may_leave::unless_running)) return {found};
  if (at(tier::vram).policy->exact() || for_ahead) return {};
  return {.window = search_windows(bytes, for_ahead, may_leave::running_too), .running = true};
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
      for (fence const use : last_uses_of(id))
        if (use.stream < running_.size()) running_[use.stream] = unlimited_bytes;
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
    let_go(id, by_bytes ? eviction_reason::room : eviction_reason::fragmentation);
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
    cost_of_leaving const cost = [&](tensor_id each) { return cost_of(each, false, may_leave::running_too); };
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
  if (auto placed = place_by_remap(bytes, made)) return placed;
  if (made == room::draining || may_be_released()) return std::nullopt;
  // Nobody will let go of anything. Pins that nobody uses come again.
  if (auto const last = search_windows(bytes, false, may_leave::pinned_too)) return evict_and_place(last->range);
  bool any = false;
  for (tensor_id each : lying_in({0, arena.reserve_bytes()})) {
    if (!cost_of(each, false, may_leave::pinned_too)) continue;
    let_go(each, eviction_reason::fragmentation);
    any = true;
  }
  return any ? place_by_remap(bytes, made) : std::nullopt;
}

// Whoever may leave, a pin that nobody uses among them.
void residency::let_go(tensor_id id, eviction_reason why) {
  bool const pin = slot_of(id, tier::vram).fixed;
  if (pin) change(id, tier::vram, [](slot& unused) { unused.fixed = false; });
  evict(id, tier::vram, pin && why == eviction_reason::room ? eviction_reason::fragmentation : why);
}

// The last resort: whole granules from elsewhere, mapped together.
std::optional<tier_arena::placement> residency::place_by_remap(std::uint64_t bytes, room& made) {
  tier_state& vram = at(tier::vram);
  if (!vram.options.can_remap) return std::nullopt;
  made = room::draining;
  if (vram.remap) return std::nullopt;
  std::uint64_t const whole = round_up(bytes, vram.options.granule_bytes);
  auto const uncommitted = [&] { return vram.limit_bytes - std::min(vram.limit_bytes, vram.arena->committed_bytes()); };
  for (auto victim = find_victim(tier::vram); victim && vram.arena->whole_free_bytes() + uncommitted() < whole;
       victim = find_victim(tier::vram))
    evict(*victim, tier::vram, eviction_reason::fragmentation);
  auto placed = vram.arena->place_by_remap(bytes, vram.limit_bytes);
  if (placed) ++vram.last_resorts;
  if (!placed && !vram.arena->draining()) made = room::none;
  return placed;
}

}  // namespace tierpager
