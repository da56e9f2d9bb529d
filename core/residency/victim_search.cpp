#include <core/residency/victim_search.hpp>

#include <algorithm>
#include <functional>

namespace tierpager {

std::optional<tensor_id> victim_search::first_victim(tier where) {
  eviction_order const& order = ledger_.order[where];
  std::optional<tensor_id> ahead;
  std::optional<tensor_id> pinned;
  for (auto victim = order.first(); victim; victim = order.next(*victim)) {
    if (!evictor_.evictable(*victim, where)) continue;
    slot const& tensor = ledger_.slots.at(*victim, where);
    if (evictor_.in_step() && tensor.ahead) {
      if (!ahead) ahead = victim;
      continue;
    }
    if (!tensor.pinned) return victim;
    reservations_.fix_if_room(*victim, where);
    if (!pinned && evictor_.evictable(*victim, where)) pinned = victim;
  }
  return ahead ? ahead : pinned;
}

std::optional<leave_cost> victim_search::cost_of(tenant const& each, tier where, bool for_ahead, may_leave who) const {
  slot const& tensor = ledger_.slots.at(each.id, where);
  if (ledger_.memory[where].serves() == each.id) return std::nullopt;
  if (tensor.range != each.range) return leave_cost{};  // a buffer: free once its load is over
  bool const unused_pin = tensor.state == slot_state::resident && tensor.fixed && tensor.uses == 0 && !tensor.unproven;
  if (!evictor_.evictable(each.id, where) && !(who == may_leave::pinned_too && unused_pin)) return std::nullopt;
  if (for_ahead && (ledger_.cursor.at_home(each.id, where) || tensor.ahead || tensor.pinned)) return std::nullopt;
  eviction_order const& order = ledger_.order[where];
  if (who == may_leave::unless_running && !order.exact() && last_use_of(each.id) == use_state::running)
    return std::nullopt;
  leave_cost cost{.pinned = tensor.pinned ? 1U : 0U, .ahead = evictor_.in_step() && tensor.ahead ? 1U : 0U};
  double const use = static_cast<double>(tensor.footprint_bytes) * order.use_of(each.id);
  (tensor.streamed ? cost.streamed_bytes : cost.bytes_in_use) = use;
  return cost;
}

// Around the first in the order of eviction, so that the search does not grow with what is there; where there are more, and all
// of these stretches are cut short by what stays, everywhere.
std::optional<eviction_window> victim_search::cheapest(tier where, std::uint64_t bytes, bool for_ahead, may_leave who,
                                                       std::span<tensor_id const> kept) const {
  offset_arena const& holes = ledger_.memory[where].arena().holes();
  tenants const& places = ledger_.slots.places(where);
  eviction_order const& order = ledger_.order[where];
  if (auto const hole = holes.smallest_free(bytes)) return eviction_window{{hole->offset, bytes}, {}};
  bool const buffers = where == tier::ram && ledger_.slots.buffers() > 0;
  unsigned const stretches_max = buffers ? 0 : 32;
  auto const of_each = [&](tenant const& each) {
    bool const stays = std::binary_search(kept.begin(), kept.end(), each.id);
    return stays ? std::nullopt : cost_of(each, where, for_ahead, who);
  };
  cost_of_leaving const cost = std::cref(of_each);  // allocates nothing
  std::optional<eviction_window> best;
  std::vector<byte_range> searched;
  searched.reserve(stretches_max);
  auto first = order.first();
  for (; first && searched.size() < stretches_max; first = order.next(*first)) {
    if (for_ahead && ledger_.cursor.at_home(*first, where)) first.reset();  // so are all behind it
    if (!first) break;
    byte_range const own = ledger_.slots.at(*first, where).range;
    if (!cost({*first, own})) continue;
    std::uint64_t const from = own.offset - std::min(own.offset, bytes);
    byte_range const stretch{from, own.end() + bytes - from};
    bool const known = std::any_of(searched.begin(), searched.end(), [&](byte_range each) {
      return each.offset <= stretch.offset && stretch.end() <= each.end();
    });
    if (known) continue;
    searched.push_back(stretch);
    auto const found = cheapest_window(holes, places, stretch, bytes, cost);
    if (found && (!best || found->cost < best->cost)) best = found;
  }
  bool const looked_at_all = !first && !buffers;
  if (best || looked_at_all) return best;
  return cheapest_window(holes, places, {0, ledger_.budget[where].reserve_bytes()}, bytes, cost);
}

// Unless the policy is exact, what is no longer in use goes before what a stream still uses: behind a slow stream every
// later copy would wait too, and that stream may be waiting for the caller of this very acquire.
victim_search::choice victim_search::choose(std::uint64_t bytes, bool for_ahead) const {
  if (auto const found = cheapest(tier::vram, bytes, for_ahead, may_leave::unless_running)) return {found};
  if (ledger_.order.vram.exact() || for_ahead) return {};
  return {.window = cheapest(tier::vram, bytes, for_ahead, may_leave::running_too), .running = true};
}

// Where all work is on one stream, its uses do not count: what is loaded now is used behind them. Where there are several,
// one may stand still until another has gone on, so none may hold up the copies. Nor does the copy of the tensor itself
// count: the next one queues behind it anyway.
bool victim_search::holds_up(fence use) const {
  return !ledger_.fences.only(use.stream) && !ledger_.fences.known_passed(use);
}

victim_search::use_state victim_search::last_use_of(tensor_id id) const {
  bool unknown = false;
  auto const running = [&](fence use) {
    if (!holds_up(use)) return false;
    unknown = true;
    return ledger_.fences.known_running(use);
  };
  if (ledger_.slots.any_last_use(id, running)) return use_state::running;
  return unknown ? use_state::unknown : use_state::over;
}

void victim_search::ask(tensor_id id) {
  for (fence const use : ledger_.slots.last_uses(id))
    if (holds_up(use) && ledger_.fences.ask(use)) ledger_.commands.emit(ask_command{use});
}

bool victim_search::ask_in_order(bool anew) {
  constexpr unsigned looks_max = 64;
  constexpr unsigned asks_max = 8;
  eviction_order const& order = ledger_.order.vram;
  unsigned asks = 0;
  auto victim = order.first();
  for (unsigned looks = 0; victim && looks < looks_max && asks < asks_max; ++looks) {
    tensor_id const id = *victim;
    victim = order.next(id);
    if (!evictor_.evictable(id, tier::vram) || ledger_.slots.at(id, tier::vram).pinned) continue;
    if (anew)
      for (fence const use : ledger_.slots.last_uses(id)) ledger_.fences.forget_running(use.stream);
    use_state const now = last_use_of(id);
    if (now == use_state::over && asks == 0) return false;
    if (now == use_state::running) continue;
    ask(id);
    ++asks;
  }
  return asks > 0;
}

bool victim_search::ask_about(byte_range window) {
  bool asking = false;
  for (tensor_id const id : ledger_.slots.lying_in(window, tier::vram)) {
    if (last_use_of(id) != use_state::unknown) continue;
    ask(id);
    asking = true;
  }
  return asking;
}

}  // namespace tierpager
