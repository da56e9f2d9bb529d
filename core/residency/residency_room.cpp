// Room: who leaves a tier and why, pins, budgets, and memory that goes back to the system.
#include <algorithm>
#include <cassert>

#include <core/residency/residency.hpp>

namespace tierpager {

bool residency::evictable(tensor_id id, tier where) const {
  slot const& one = slot_of(id, where);
  if (where == tier::ram)  // what is under way passes through
    return one.state != slot_state::absent && !lasting(one) && at(tier::ram).remap_for != id;
  return one.state == slot_state::resident && !held(one);
}

// With overcommitted pins the budget asked for is what eviction aims at, and the effective one what binds.
std::uint64_t residency::soft_limit(tier where) const {
  tier_state const& one = at(where);
  if (!options_.overcommit_pins) return one.limit_bytes;
  std::uint64_t const asked = one.options.budget_bytes - std::min(one.options.budget_bytes, one.options.overhead_bytes);
  return std::min(one.limit_bytes, round_down(asked, one.options.granule_bytes));
}

// The order of eviction: the guests first, then the rest in the policy's order. Whether a tensor may leave is for the
// caller to ask.
std::optional<tensor_id> residency::first_in_line(tier where) const {
  auto const guest = at(where).guests->first_victim();
  return guest ? guest : at(where).policy->first_victim();
}

std::optional<tensor_id> residency::next_in_line(tensor_id id, tier where) const {
  tier_state const& of = at(where);
  bool const guest = slot_of(id, where).guest;
  if (guest)
    if (auto const next = of.guests->victim_after(id)) return next;
  auto next = guest ? of.policy->first_victim() : of.policy->victim_after(id);
  while (next && slot_of(*next, where).guest) next = of.policy->victim_after(*next);
  return next;
}

// The first in that order that may leave. What was loaded ahead only where there is no other, so that it does not matter
// whether it has come; one that is pinned after that, where its place is still promised away.
std::optional<tensor_id> residency::find_victim(tier where) {
  std::optional<tensor_id> was_ahead;
  std::optional<tensor_id> last_resort;
  for (auto victim = first_in_line(where); victim; victim = next_in_line(*victim, where)) {
    if (!evictable(*victim, where)) continue;
    bool const ahead = in_step() && slot_of(*victim, where).ahead;
    if (ahead && !was_ahead) was_ahead = victim;
    if (ahead) continue;
    if (!slot_of(*victim, where).pinned) return victim;
    fix_if_room(*victim, where);
    if (!last_resort && evictable(*victim, where)) last_resort = victim;
  }
  return was_ahead ? was_ahead : last_resort;
}

// Where all work is on one stream, its uses do not count: what is loaded now is used behind them. Where there are several,
// one may stand still until another has gone on, so none may hold up the copies. Nor does the copy of the tensor itself
// count: the next one queues behind it anyway.
bool residency::holds_up(fence use) const { return !fences_.only(use.stream) && !fences_.known_passed(use); }

residency::use_state residency::last_use_of(tensor_id id) const {
  bool unknown = false;
  auto running = [&](fence use) {
    if (!holds_up(use)) return false;
    unknown = true;
    return fences_.known_running(use);
  };
  if (any_last_use(slot_of(id, tier::vram), rest_of(id, tier::vram), running)) return use_state::running;
  return unknown ? use_state::unknown : use_state::over;
}

void residency::ask(tensor_id id) {
  for (fence const use : last_uses_of(id)) {
    if (holds_up(use) && fences_.ask(use)) emit(ask_command{use});
  }
}

// Evicts in that order until `bytes` more fit; pins only where these exceed what binds. For a load ahead nobody leaves who
// is at home here or was loaded ahead too.
residency::room residency::make_room(tier where, std::uint64_t bytes, tensor_id id, load& for_it) {
  tier_state& one = at(where);
  std::optional<tensor_id> const ahead = for_it.ahead ? std::optional(id) : std::nullopt;
  while (one.arena->allocated_bytes() + bytes > soft_limit(where)) {
    auto const victim = find_victim(where);
    bool const fits = one.arena->allocated_bytes() + bytes <= one.limit_bytes;
    if (!victim || (fits && slot_of(*victim, where).pinned)) return fits ? room::there : room::none;
    slot const& leaving = slot_of(*victim, where);
    if (ahead && (at_home(*victim, where) || leaving.ahead || leaving.pinned)) return room::none;
    let_go(*victim, where, where == tier::ram ? why_from_ram(*victim, eviction_reason::room) : eviction_reason::room);
  }
  return room::there;
}

void residency::evict(tensor_id id, tier where, eviction_reason why) {
  slot& one = slot_of(id, where);
  assert(evictable(id, where));
  if (load* const passes = where == tier::ram ? find_load(id) : nullptr; passes != nullptr && !passes->from_ram)
    passes->passing = true;
  std::vector<fence> last_uses = where == tier::vram ? last_uses_of(id) : std::vector<fence>();
  if (one.copying) last_uses.push_back(rest_of(id, where).ready);
  std::erase_if(last_uses, [&](fence use) { return fences_.known_passed(use); });
  for (fence use : last_uses) watch(use);
  at(where).arena->free(one.range, last_uses);
  set_range(id, where, {});
  change(id, where, [](slot& gone) {
    gone.state = slot_state::absent;
    gone.copying = false;
    gone.streams = records::used_by::none;
  });
  if (where == tier::vram && why == eviction_reason::room) course_.fall_back();
  if (one.ahead) {
    no_longer_ahead(id);
    course_.fall_back();
    counters_.ahead_unused_bytes += tensors_[id].bytes;
  }
  at(where).policy->erased(id);
  classify(id, where);
  if (where == tier::vram) classify(id, tier::ram);
  ++at(where).evictions[static_cast<std::size_t>(why)];
  emit(tell_evicted_command{id, where, why});
}

void residency::start_remap(tier where, std::optional<tensor_id> serves, remap_command what) {
  tier_state& one = at(where);
  assert(!one.remap);
  one.remap = what;
  one.remap_for = serves;
  emit(std::move(what));
}

// Pins -------------------------------------------------------------------------------------------------------------

void residency::set_pinned(tensor_id id, tier where, bool pinned) {
  tier_state& of = at(where);
  std::uint64_t const bytes = footprint(id, where);
  slot_of(id, where).pinned = pinned;
  if (pinned) {
    of.pinned_bytes += bytes;
    if (auto const alike = of.unpinned.find(bytes); --alike->second == 0) of.unpinned.erase(alike);
  } else {
    of.pinned_bytes -= bytes;
    ++of.unpinned[bytes];
  }
}

std::uint64_t residency::needed_beside_pins(tier where) const {
  bool const staging = where == tier::ram && at(tier::vram).options.present;
  std::uint64_t const largest = at(where).unpinned.empty() ? 0 : at(where).unpinned.rbegin()->first;
  return scratch_bytes(where) + (staging ? std::min(ring_floor_bytes_, largest) : largest);
}

std::uint64_t residency::effective_of(tier where, std::uint64_t asked_bytes) const {
  bool const staging = where == tier::ram && at(tier::vram).options.present;
  if (!at(where).options.present && !staging) return 0;
  std::uint64_t effective = at(where).options.present ? asked_bytes : 0;
  std::uint64_t const overhead = at(where).options.overhead_bytes;
  effective = std::max(effective, overhead);  // the device holds it whatever was asked for
  if (staging) effective = std::max(effective, ring_floor_bytes_ + overhead);
  if (options_.overcommit_pins) effective = std::max(effective, least_bytes(where));
  return effective;
}

// What pins and any one tensor need.
std::uint64_t residency::least_bytes(tier where) const {
  tier_state const& one = at(where);
  return round_up(one.pinned_bytes + needed_beside_pins(where), one.options.granule_bytes) + one.options.overhead_bytes;
}

// What tensors may take of that budget, in whole granules.
std::uint64_t residency::target_of(tier where, std::uint64_t effective_bytes) const {
  tier_state const& one = at(where);
  std::uint64_t const usable = effective_bytes - std::min(effective_bytes, one.options.overhead_bytes);
  return round_down(std::min({usable, one.need_bytes, one.reserve_bytes}), one.options.granule_bytes);
}

// A lower target binds at once for what is admitted from now on, and for what is resident as soon as it has drained.
void residency::set_target(tier where) {
  tier_state& one = at(where);
  std::uint64_t const effective = std::min(effective_of(where, one.options.budget_bytes), one.system_limit_bytes);
  std::uint64_t const before = std::exchange(one.target_bytes, target_of(where, effective));
  if (one.target_bytes != before) course_.conditions_changed();
  one.memory_failed = false;
  one.grows = one.system_limit_bytes == unlimited_bytes && one.arena->committed_bytes() < one.target_bytes;
  if (one.target_bytes < one.limit_bytes) return;
  one.limit_bytes = one.target_bytes;
  if (one.policy) one.policy->resized(one.limit_bytes);
  one.effective_bytes = effective;
}

// The system gave no more memory: the tier makes do with what it has until the budget is set anew, in RAM also until a
// request needs more. True where everything that may not leave fits into that, so that no more need be asked for.
bool residency::make_do(tier where) {
  tier_state& one = at(where);
  ++one.refused_commits;
  std::uint64_t const given = one.arena->committed_bytes() + one.options.overhead_bytes;
  one.system_limit_bytes = where == tier::vram ? given : std::max(given, least_bytes(where));
  set_target(where);
  (void)shrink(where);
  return one.limit_bytes <= one.arena->committed_bytes();
}

// After it had refused memory, the system may have given some after all.
void residency::count_given(tier where) {
  tier_state& one = at(where);
  std::uint64_t const given = one.arena->committed_bytes() + one.options.overhead_bytes;
  if (one.system_limit_bytes >= given) return;
  one.system_limit_bytes = given;
  set_target(where);
}

status residency::pins_fit(tier where, std::uint64_t pinned_bytes, std::uint64_t effective_bytes) const {
  if (options_.overcommit_pins || pinned_bytes == 0) return {};
  std::uint64_t const overhead = at(where).options.overhead_bytes;
  std::uint64_t const needed = round_up(pinned_bytes + needed_beside_pins(where), at(where).options.granule_bytes);
  if (needed <= target_of(where, effective_bytes)) return {};
  return failure{
      .code = errc::budget_too_small,
      .what = std::string(name_of(where)) + " pins with room for the largest unpinned tensor: needs at least " +
              std::to_string(needed + overhead) + " bytes, the budget is " + std::to_string(effective_bytes) +
              slices_beside_pins(where, target_of(where, effective_bytes))};
}

status residency::pin(std::span<tensor_id const> ids, tier where) {
  if (status fine = acceptable(ids, where); !fine.ok()) return fine;
  tier_state& one = at(where);
  std::vector<tensor_id> added;
  for (tensor_id id : ids) {
    if (slot_of(id, where).pinned) continue;
    set_pinned(id, where, true);
    added.push_back(id);
  }
  status fine = pins_fit(where, one.pinned_bytes, effective_of(where, one.options.budget_bytes));
  if (!fine.ok()) {
    for (tensor_id id : added) set_pinned(id, where, false);
    return fine;
  }
  if (!added.empty()) {
    course_.conditions_changed();
    give_up_what_waits();
  }
  for (tensor_id id : added) fix_if_room(id, where);
  bool const asks_again = where == tier::ram && least_bytes(where) > one.system_limit_bytes;
  if (asks_again) one.system_limit_bytes = unlimited_bytes;
  set_target(where);
  pump();
  ask_for_plan();
  return {};
}

// What is there becomes immovable at once, unless its place is promised to a set that is being loaded: then with its
// next acquire.
void residency::fix_if_room(tensor_id id, tier where) {
  tier_state const& one = at(where);
  slot const& each = slot_of(id, where);
  if (!each.pinned || each.state == slot_state::absent) return;
  std::uint64_t const others = one.held_bytes() - (held(each) ? footprint(id, where) : 0);
  bool const fits = others + one.quarantined_bytes + footprint(id, where) <= one.target_bytes &&
                    (held(each) || where == tier::ram || granules_for(std::span(&id, 1), where));
  if (each.uses > 0 || fits) change(id, where, [](slot& fixed) { fixed.fixed = true; });
}

void residency::unpin(std::span<tensor_id const> ids, tier where) {
  for (tensor_id id : ids) {
    if (index_of(id) >= tensors_.size() || !slot_of(id, where).pinned) continue;
    set_pinned(id, where, false);
    change(id, where, [](slot& one) { one.fixed = false; });
    course_.conditions_changed();
  }
  if (options_.overcommit_pins) set_target(where);
  pump();
  ask_for_plan();
}

// Budgets ----------------------------------------------------------------------------------------------------------

status residency::set_budget(tier where, std::uint64_t bytes) {
  tier_state& one = at(where);
  if (!one.options.present)
    return failure{.code = errc::invalid_argument,
                   .what = "this pager has no " + std::string(name_of(where)) + " tier"};
  if (!one.options.can_remap)
    return failure{.code = errc::unsupported,
                   .what = "the " + std::string(name_of(where)) +
                           " budget cannot change: this device cannot give memory back piece by piece"};
  std::uint64_t const before = one.options.budget_bytes;
  one.options.budget_bytes = bytes;
  if (status fine = pins_fit(where, one.pinned_bytes, effective_of(where, bytes)); !fine.ok()) {
    one.options.budget_bytes = before;
    return fine;
  }
  one.system_limit_bytes = unlimited_bytes;
  set_target(where);
  pump();
  ask_for_plan();
  return {};
}

// More memory, for a higher budget: asked for once, used as soon as it is there.
void residency::grow(tier where) {
  tier_state& one = at(where);
  if (!one.grows || one.remap || one.memory_failed || lost_) return;
  std::vector<byte_range> pieces = one.arena->grow(one.target_bytes, commit_piece_bytes);
  one.grows = false;
  if (!pieces.empty()) start_remap(where, std::nullopt, {where, {}, std::move(pieces)});
}

// The system refused a piece. Part of it may be there yet.
void residency::grow_by_granules(tier where, std::uint64_t refused_bytes) {
  tier_state& one = at(where);
  std::uint64_t const granule = one.options.granule_bytes;
  if (refused_bytes <= granule) return (void)make_do(where);
  std::uint64_t const limit = std::min(one.target_bytes, one.arena->committed_bytes() + refused_bytes);
  std::vector<byte_range> pieces = one.arena->grow(limit, granule);
  if (!pieces.empty()) start_remap(where, std::nullopt, {where, {}, std::move(pieces)});
}

// Moves a tier towards a lower budget: evicts, gives free granules back. True where the new budget came to bind.
bool residency::shrink(tier where) {
  tier_state& one = at(where);
  if (one.limit_bytes <= one.target_bytes) return false;
  evict_above_target(where);
  if (one.remap) return false;
  if (one.arena->committed_bytes() > one.target_bytes) {
    if (one.memory_failed) return false;
    std::vector<byte_range> given = one.arena->reclaim(one.target_bytes);
    if (!given.empty()) start_remap(where, std::nullopt, {where, std::move(given), {}});
    return false;
  }
  bool const fits = one.held_bytes() + one.quarantined_bytes <= one.target_bytes && granules_for({}, where);
  if (!fits) return false;  // promised under the old budget
  one.limit_bytes = one.target_bytes;
  if (one.policy) one.policy->resized(one.limit_bytes);
  one.effective_bytes = std::min(effective_of(where, one.options.budget_bytes), one.system_limit_bytes);
  return true;
}

// By address, so that what stays is one piece, with as much room for a plan as the budget says; but pins stay where they
// are, as long as their granules are within the budget. What handles hold above the new end is given back once they are
// released, and what shares their granules may stay until then.
void residency::evict_above_target(tier where) {
  tier_state& of = at(where);
  auto const granules_of_pins = [&](std::uint64_t from) {
    return granules_touched(where, {from, of.reserve_bytes - from},
                            [&](tensor_id id) { return slot_of(id, where).pinned; });
  };
  bool const pins_leave = granules_of_pins(0) > of.target_bytes;
  may_leave const who = pins_leave ? may_leave::pinned_too : may_leave::running_too;
  auto const leaves = [&](tenant const& each) {
    return cost_of(each, where, false, who) && (pins_leave || !slot_of(each.id, where).pinned);
  };
  std::uint64_t end = of.arena->end_of_committed(of.target_bytes);
  for (std::uint64_t before = end + 1; before != end && !pins_leave;) {
    before = end;
    end = std::min(end, of.arena->end_of_committed(of.target_bytes - granules_of_pins(end)));
  }
  auto const comes_free = [&](std::uint64_t offset) {
    byte_range const granule = of.arena->whole_granules({offset, 1});
    return granule.offset >= end && std::ranges::all_of(tenants_in(of.lying, granule), leaves);
  };
  for (tenant const& each : tenants_in(of.lying, {end, of.reserve_bytes - end})) {
    byte_range const own = each.range;
    bool const alone = of.arena->whole_bytes_in(own) > 0;
    if (!leaves(each) || !(alone || comes_free(own.offset) || comes_free(own.end() - 1))) continue;
    if (slot_of(each.id, where).range == own)
      let_go(each.id, where, eviction_reason::budget);
    else
      free_ring(own);
  }
}

// Bytes of the granules from there on that the scratch, or a tensor that counts, touches.
std::uint64_t residency::granules_touched(tier where, byte_range within,
                                          std::function<bool(tensor_id)> const& counts) const {
  tier_arena const& arena = *at(where).arena;
  std::uint64_t sum = 0;
  std::uint64_t reached = round_down(within.offset, arena.granule_bytes());
  auto const touch = [&](byte_range range) {
    byte_range const whole = arena.whole_granules(range);
    if (range.bytes == 0 || whole.end() <= reached) return;
    sum += whole.end() - std::max(reached, whole.offset);
    reached = whole.end();
  };
  if (where == tier::vram) touch(scratch_);
  for (tenant const& each : tenants_in(at(where).lying, within))
    if (counts(each.id)) touch(each.range);
  return sum;
}

}  // namespace tierpager
