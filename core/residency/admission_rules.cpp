#include <core/residency/admission_rules.hpp>

#include <algorithm>
#include <string>

#include <core/slice_advice.hpp>

namespace tierpager {
namespace {

std::string named_set(std::span<tensor_id const> ids, catalog const& tensors) {
  auto const bytes_of = [&](tensor_id id) { return tensors[id].bytes; };
  return " for a set of " + std::to_string(ids.size()) + " tensors, of which the largest is '" +
         tensors[*std::ranges::max_element(ids, {}, bytes_of)].name + "'";
}

}  // namespace

status admission_rules::is_valid(std::span<tensor_id const> ids, tier where) const {
  if (!ledger_.budget[where].options().present)
    return failure{.code = errc::invalid_argument,
                   .what = "this pager has no " + std::string(name_of(where)) + " tier: its budget is none"};
  if (ids.empty()) return failure{.code = errc::invalid_argument, .what = "an empty set of tensors"};
  for (tensor_id const id : ids)
    if (index_of(id) >= ledger_.tensors.size())
      return failure{.code = errc::unknown_tensor, .what = "no tensor has the id " + std::to_string(index_of(id))};
  return {};
}

status admission_rules::fits_ever(std::span<tensor_id const> ids, tier where) const {
  tier_budget const& budget = ledger_.budget[where];
  tier_options const& options = budget.options();
  std::uint64_t needed = ledger_.slots.sum(where).pinned_bytes + budget.scratch_bytes();
  for (tensor_id const id : ids.size() == 1 ? std::vector(ids.begin(), ids.end()) : distinct(ids))
    if (!ledger_.slots.at(id, where).pinned) needed += ledger_.slots.footprint(id, where);
  std::uint64_t const target = budget.target_bytes();
  if (needed <= target) return {};
  needed = round_up(needed, options.granule_bytes);  // what would do
  bool const refused = needed <= budget.target_of(budget.effective_of(options.budget_bytes));
  std::string given = " bytes";
  if (refused) given += ", of which the system gave " + std::to_string(budget.system_limit_bytes());
  std::uint64_t const available = target - std::min(target, needed - ledger_.slots.footprint(ids[0], where));
  return failure{
      .code = refused ? errc::out_of_memory : errc::budget_too_small,
      .what = std::string(name_of(where)) + " budget of " + std::to_string(options.budget_bytes) + given +
              ": needs at least " + std::to_string(needed + options.overhead_bytes) + " bytes" +
              (ids.size() == 1 ? slice_advice(ledger_.tensors[ids[0]], available) : named_set(ids, ledger_.tensors)),
      .tensor = ids.size() == 1 ? ledger_.tensors[ids[0]].name : std::string()};
}

bool admission_rules::all_resident(std::span<tensor_id const> ids, tier where) const {
  return std::ranges::all_of(ids,
                             [&](tensor_id id) { return ledger_.slots.at(id, where).state == slot_state::resident; });
}

bool admission_rules::joinable(std::span<tensor_id const> ids, tier where) const {
  return std::ranges::all_of(ids, [&](tensor_id id) { return loads_.joinable(id, where); });
}

std::uint64_t admission_rules::newly_held_bytes(std::span<tensor_id const> ids, tier where) const {
  auto const bytes_of = [&](tensor_id id) {
    return held(ledger_.slots.at(id, where)) ? 0 : ledger_.slots.footprint(id, where);
  };
  if (ids.size() == 1) return bytes_of(ids[0]);
  std::uint64_t bytes = 0;
  for (tensor_id const id : distinct(ids)) bytes += bytes_of(id);
  return bytes;
}

bool admission_rules::has_room(std::span<tensor_id const> ids, tier where) const {
  std::uint64_t const bytes = newly_held_bytes(ids, where);
  if (bytes == 0) return true;
  std::uint64_t const held_bytes = ledger_.slots.sum(where).held_bytes() + ledger_.memory[where].quarantined_bytes();
  if (held_bytes + bytes > ledger_.budget[where].target_bytes()) return false;
  return reservations_.granules_for(ids, where) || has_place_now(ids) ||
         (reservations_.quarantined().empty() && book_.unproven.empty() && nothing_held());
}

// Places ---------------------------------------------------------------------------------------------------------------

bool admission_rules::has_place_now(std::span<tensor_id const> ids) const {
  if (reservations_.any_awaited()) return false;
  std::uint64_t missing_bytes = 0;
  std::vector<tensor_id> const wanted = distinct(ids);
  for (tensor_id const id : wanted) {
    slot const& there = ledger_.slots.at(id, tier::vram);
    if (there.state == slot_state::absent) missing_bytes += there.footprint_bytes;
    if (there.state == slot_state::loading && there.range.bytes == 0) return false;
  }
  return missing_bytes == 0 ||
         search_.cheapest(tier::vram, missing_bytes, false, victim_search::may_leave::running_too, wanted).has_value();
}

bool admission_rules::has_planned_places(std::span<tensor_id const> ids) const {
  std::vector<byte_range> places;
  for (tensor_id const id : distinct(ids)) {
    if (ledger_.slots.at(id, tier::vram).state != slot_state::absent) continue;
    auto const own = reservations_.planned_range(id);
    if (!own || !ledger_.memory.vram.arena().is_committed(*own)) return false;
    std::vector<tensor_id> const there = ledger_.slots.lying_in(*own, tier::vram);
    auto const of_set = [&](tensor_id each) { return std::ranges::find(ids, each) != ids.end(); };
    if (!evictor_.may_all_leave(there) || std::ranges::any_of(there, of_set)) return false;
    places.push_back(*own);
  }
  std::ranges::sort(places, {}, &byte_range::offset);
  return std::ranges::adjacent_find(
             places, [](byte_range left, byte_range right) { return left.end() > right.offset; }) == places.end();
}

// Then all of a set finds room at the low end, side by side, once those of it that are there, and pins, have left.
bool admission_rules::nothing_held() const {
  if (reservations_.any_awaited()) return false;
  return std::ranges::all_of(ledger_.slots.places(tier::vram), [&](auto const& each) {
    slot const& there = ledger_.slots.at(each.second.id, tier::vram);
    return there.uses == 0 && there.state == slot_state::resident;
  });
}

// Why a request waits --------------------------------------------------------------------------------------------------

// Beside what the owner holds and wants, the pins that have come, and the scratch.
bool admission_rules::blocked_by_own_handles(request const& asked, std::uint64_t more_bytes) const {
  slot_table const& slots = ledger_.slots;
  tier const where = asked.where;
  std::uint64_t const target = ledger_.budget[where].target_bytes();
  std::uint64_t const missing_bytes = newly_held_bytes(asked.ids, where) + more_bytes;
  std::uint64_t const held_bytes = slots.sum(where).held_bytes() + ledger_.memory[where].quarantined_bytes();
  if (missing_bytes == 0 || held_bytes + missing_bytes <= target) return false;
  if (book_.held.may_be_released_elsewhere(asked.owner)) return false;
  std::uint64_t own_bytes = 0;
  book_.held.each(where, [&](owner_id owner, tensor_id id, std::uint64_t) {
    if (owner == asked.owner) own_bytes += slots.footprint(id, where);
  });
  if (own_bytes == 0) return false;
  std::uint64_t bytes = own_bytes + more_bytes + ledger_.budget[where].scratch_bytes();
  std::vector<tensor_id> const wanted = distinct(asked.ids);
  for (tensor_id const id : wanted)
    if (!book_.held.holds(asked.owner, id, where)) bytes += slots.footprint(id, where);
  if (bytes > target || bytes + slots.sum(where).pinned_bytes <= target) return bytes > target;
  for (auto const& [offset, each] : slots.places(where)) {
    slot const& there = slots.at(each.id, where);
    bool const stays = there.fixed && there.state == slot_state::resident;
    if (stays && !book_.held.holds(asked.owner, each.id, where) && !std::ranges::binary_search(wanted, each.id))
      bytes += there.footprint_bytes;
  }
  return bytes > target;
}

bool admission_rules::in_pieces_beside_own_handles(request const& asked) const {
  std::uint64_t const bytes = ledger_.slots.sum(tier::vram).held_bytes() + ledger_.memory.vram.quarantined_bytes() +
                              newly_held_bytes(asked.ids, asked.where);
  return asked.where == tier::vram && book_.held.holds_all(asked.owner, tier::vram) &&
         !book_.held.may_be_released_elsewhere(asked.owner) && bytes <= ledger_.budget.vram.target_bytes() &&
         joinable(asked.ids, asked.where) && nothing_comes();
}

bool admission_rules::stuck(request const& asked) const {
  tier const where = asked.where;
  std::uint64_t const quarantined = ledger_.memory[where].quarantined_bytes();
  std::uint64_t unproved_bytes = loads_.left_behind().settling() ? 0 : quarantined;
  if (where == tier::vram)
    for (tensor_id const id : distinct(book_.unproven.tensors()))
      if (ledger_.slots.at(id, tier::vram).uses == 0) unproved_bytes += ledger_.slots.footprint(id, tier::vram);
  if (unproved_bytes == 0) return false;
  std::uint64_t const bytes = ledger_.slots.sum(where).held_bytes() + quarantined + newly_held_bytes(asked.ids, where);
  std::uint64_t const target = ledger_.budget[where].target_bytes();
  if (where == tier::vram && bytes <= target)  // in its granules
    return nothing_held() || in_pieces_beside_own_handles(asked);
  return bytes > target && bytes - std::min(bytes, unproved_bytes) <= target;
}

bool admission_rules::nothing_comes() const {
  if (loads_.left_behind().settling() || ledger_.fences.has_questions() || ledger_.cursor.awaits_plan()) return false;
  for (tier const where : both_tiers)
    if (ledger_.memory[where].remaps()) return false;
  return !ledger_.memory.vram.arena().draining() && loads_.left_behind().nothing_passes() && loads_.none_goes_on();
}

// What a request was promised is no handle yet.
bool admission_rules::may_release_vram() const {
  bool any = false;
  book_.held.each(tier::vram, [&](owner_id owner, tensor_id id, std::uint64_t uses) {
    bool waits = false;
    for (auto const& [number, each] : book_.requests) {
      if (each.owner != owner) continue;
      waits = true;
      if (each.admitted && each.where == tier::vram)
        uses -= static_cast<std::uint64_t>(std::ranges::count(each.ids, id));
    }
    any = any || (uses > 0 && (!waits || book_.held.may_be_released_elsewhere(owner)));
  });
  return any;
}

}  // namespace tierpager
