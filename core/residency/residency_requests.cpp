// Requests: who gets what at once, who waits in which order, who is refused.
#include <algorithm>
#include <cassert>
#include <iterator>

#include <core/residency/residency.hpp>
#include <core/slice_advice.hpp>

namespace tierpager {
namespace {

std::string named_set(std::span<tensor_id const> ids, catalog const& tensors) {
  auto const bytes_of = [&](tensor_id id) { return tensors[id].bytes; };
  return " for a set of " + std::to_string(ids.size()) + " tensors, of which the largest is '" +
         tensors[*std::ranges::max_element(ids, {}, bytes_of)].name + "'";
}

}  // namespace

status residency::acceptable(std::span<tensor_id const> ids, tier where) const {
  if (lost_) return *lost_;
  if (closed_) return failure{.code = errc::closed, .what = "the pager is closed"};
  if (!at(where).options.present)
    return failure{.code = errc::invalid_argument,
                   .what = "this pager has no " + std::string(name_of(where)) + " tier: its budget is none"};
  if (ids.empty()) return failure{.code = errc::invalid_argument, .what = "an empty set of tensors"};
  for (tensor_id id : ids)
    if (index_of(id) >= tensors_.size())
      return failure{.code = errc::unknown_tensor, .what = "no tensor has the id " + std::to_string(index_of(id))};
  return {};
}

// The bytes of the set beside all pins, loaded or not: what no waiting can change.
status residency::fits_ever(std::span<tensor_id const> ids, tier where) const {
  tier_state const& one = at(where);
  std::uint64_t needed = one.pinned_bytes;
  needed += scratch_bytes(where);
  for (tensor_id id : ids.size() == 1 ? std::vector(ids.begin(), ids.end()) : records::distinct(ids))
    if (!slot_of(id, where).pinned) needed += footprint(id, where);
  if (needed <= one.target_bytes) return {};
  needed = round_up(needed, one.options.granule_bytes);  // what would do
  bool const refused = needed <= target_of(where, effective_of(where, one.options.budget_bytes));
  std::string given = " bytes";
  if (refused) given += ", of which the system gave " + std::to_string(one.system_limit_bytes);
  std::uint64_t const available = one.target_bytes - std::min(one.target_bytes, needed - footprint(ids[0], where));
  return failure{.code = refused ? errc::out_of_memory : errc::budget_too_small,
                 .what = std::string(name_of(where)) + " budget of " + std::to_string(one.options.budget_bytes) +
                         given + ": needs at least " + std::to_string(needed + one.options.overhead_bytes) + " bytes" +
                         (ids.size() == 1 ? slice_advice(tensors_[ids[0]], available) : named_set(ids, tensors_)),
                 .tensor = ids.size() == 1 ? tensors_[ids[0]].name : std::string()};
}

// Where one tensor alone finds no room beside the pins, parts of it would.
std::string residency::slices_beside_pins(tier where, std::uint64_t target_bytes) const {
  tier_state const& one = at(where);
  std::uint64_t const available = target_bytes - std::min(target_bytes, one.pinned_bytes + scratch_bytes(where));
  if (one.unpinned.empty()) return {};
  auto const largest = one.unpinned.rbegin();
  bool const several = largest->second > 1 || (one.unpinned.size() > 1 && std::next(largest)->first > available);
  if (several) return {};
  auto const is_largest = [&](slot const& each) { return !each.pinned && each.footprint_bytes == largest->first; };
  auto const at = std::ranges::find_if(one.slots, is_largest);
  return slice_advice(tensors_.infos()[static_cast<std::size_t>(at - one.slots.begin())], available);
}

bool residency::all_there(std::span<tensor_id const> ids, tier where) const {
  return std::all_of(ids.begin(), ids.end(),
                     [&](tensor_id id) { return slot_of(id, where).state == slot_state::resident; });
}

// A load that has failed, or one that leaves nothing in RAM when RAM is wanted, must be over before the next can start.
// Even of a tensor that is in VRAM, since it may have to come again to make way for the others.
bool residency::joinable(std::span<tensor_id const> ids, tier where) const {
  return std::all_of(ids.begin(), ids.end(), [&](tensor_id id) {
    load const* one = find_load(id);
    if (where == tier::ram && slot_of(id, tier::ram).state == slot_state::resident) return true;
    return one == nullptr || (!one->failed && (where == tier::vram || one->stays_in_ram()));
  });
}

std::uint64_t residency::newly_held_bytes(std::span<tensor_id const> ids, tier where) const {
  if (ids.size() == 1) return held(slot_of(ids[0], where)) ? 0 : footprint(ids[0], where);
  std::uint64_t bytes = 0;
  for (tensor_id id : records::distinct(ids))
    if (!held(slot_of(id, where))) bytes += footprint(id, where);
  return bytes;
}

// What is held, or promised to requests already admitted, leaves room for the set: then every load of it will find
// victims.
bool residency::room_for(std::span<tensor_id const> ids, tier where) const {
  std::uint64_t const bytes = newly_held_bytes(ids, where);
  if (bytes == 0) return true;
  if (at(where).held_bytes() + at(where).quarantined_bytes + bytes > at(where).target_bytes) return false;
  return granules_for(ids, where) || place_now(ids) ||
         (quarantined_vram_.empty() && unproven_.empty() && nothing_held_for_good());
}

// What is held may lie so that no hole is large enough, whoever leaves. Then whole granules from elsewhere are mapped
// together, so enough of them must be left, beside those that what is held touches, for all that has no place yet.
bool residency::granules_for(std::span<tensor_id const> ids, tier where) const {
  tier_state const& of = at(where);
  std::uint64_t const granule = of.options.granule_bytes;
  if (of.options.footprint_align_bytes() == granule || !of.options.can_remap) return true;
  std::uint64_t promised = 0;
  std::vector<tensor_id> const wanted = records::distinct(ids);
  auto const promise = [&](tensor_id id) {  // it may begin and end within a granule
    if (footprint(id, where) > 0) promised += round_up(footprint(id, where), granule) + granule;
  };
  for (tensor_id id : wanted)
    if (slot_of(id, where).state == slot_state::absent) promise(id);
  for (tensor_id id : placing_)
    if (!loads_.at(static_cast<std::uint32_t>(id)).ahead) promise(id);
  if (promised == 0) return true;
  // More than can be touched, which is mostly enough, and found without a look at all that lies there.
  std::uint64_t const touching = of.held_tensors + wanted.size() + quarantined_vram_.size() + 1;
  std::uint64_t most = of.held_bytes() + of.quarantined_bytes + 2 * granule * touching;
  for (tensor_id id : wanted) most += footprint(id, where);
  if (most + promised <= of.target_bytes) return true;
  std::uint64_t touched = granules_touched(where, {0, of.reserve_bytes}, [&](tensor_id id) {
    return held(slot_of(id, where)) || std::binary_search(wanted.begin(), wanted.end(), id);
  });
  for (records::quarantine const& each : quarantined_vram_) touched += of.arena->whole_granules(each.range).bytes;
  return touched + promised <= of.target_bytes;
}

// To loads that somebody waits for; the others are given up where they find no place.
bool residency::places_promised() const {
  return std::any_of(placing_.begin(), placing_.end(),
                     [&](tensor_id id) { return !loads_.at(static_cast<std::uint32_t>(id)).ahead; });
}

// There is a place at this moment for all that is missing, side by side: whoever comes after it leaves it that.
bool residency::place_now(std::span<tensor_id const> ids) const {
  if (places_promised()) return false;
  std::uint64_t missing_bytes = 0;
  std::vector<tensor_id> const wanted = records::distinct(ids);
  for (tensor_id id : wanted) {
    slot const& there = slot_of(id, tier::vram);
    if (there.state == slot_state::absent) missing_bytes += there.footprint_bytes;
    if (there.state == slot_state::loading && there.range.bytes == 0) return false;
  }
  return missing_bytes == 0 ||
         search_windows(tier::vram, missing_bytes, false, may_leave::running_too, wanted).has_value();
}

// By a handle or a load. Then all of a set finds room at the low end, side by side, once those of it that are there, and
// pins, have left.
bool residency::nothing_held_for_good() const {
  return !places_promised() &&
         std::all_of(at(tier::vram).lying.begin(), at(tier::vram).lying.end(), [&](auto const& each) {
           slot const& there = slot_of(each.second.id, tier::vram);
           return there.uses == 0 && there.state == slot_state::resident;
         });
}

// A load for the device waits for RAM that host handles hold.
bool residency::starving() const {
  return std::any_of(staging_.begin(), staging_.end(),
                     [&](tensor_id id) { return loads_.at(static_cast<std::uint32_t>(id)).starved; });
}

result<residency::acquired> residency::acquire(std::span<tensor_id const> ids, tier where, owner_id owner) {
  if (ids.size() == 1 && try_hit(ids.front(), where, owner) != nullptr)
    return acquired{.granted = true, .request = request_id{}};
  if (status const sound = acceptable(ids, where); !sound.ok()) return sound.error();
  bool const pass = may_pass(where, owner);
  if (pass && all_there(ids, where) && room_for(ids, where)) {
    follow_call(ids, where);
    for (tensor_id each : ids) use(each, where, owner);
    go_on_after_hit(where);
    return acquired{.granted = true, .request = request_id{}};
  }
  request asked{.ids = {ids.begin(), ids.end()}, .where = where, .owner = owner};
  status fine = may_wait(asked);
  bool const lowered = where == tier::ram && at(where).system_limit_bytes != unlimited_bytes;
  if (!fine.ok() && fine.error().code != errc::budget_too_small && lowered) {  // then the system is asked once more
    at(where).system_limit_bytes = unlimited_bytes;
    set_target(where);
    fine = may_wait(asked);
  }
  if (!fine.ok()) return fine.error();
  auto const id = static_cast<request_id>(next_request_++);
  request& one = requests_[id] = std::move(asked);
  follow_call(ids, where);
  plan_comes_ = where == tier::vram && course_.plan_wanted();
  if (pass && joinable(ids, where) && find_room_for(ids, where))
    admit(id, one);
  else
    at(where).waiting.push_back(id);
  settle_if_needed();
  if (where == tier::vram) run_ahead();
  pump();
  ask_for_plan();
  return acquired{.granted = false, .request = id};
}

result<bool> residency::try_acquire(std::span<tensor_id const> ids, tier where, owner_id owner) {
  if (ids.size() == 1 && try_hit(ids.front(), where, owner) != nullptr) return true;
  if (status const fine = acceptable(ids, where); !fine.ok()) return fine.error();
  if (!all_there(ids, where)) {
    status const fine = fits_ever(ids, where);
    if (!fine.ok() && fine.error().code != errc::out_of_memory) return fine.error();
    return false;
  }
  if (!may_pass(where, owner) || !room_for(ids, where)) return false;
  follow_call(ids, where);
  for (tensor_id id : ids) use(id, where, owner);
  go_on_after_hit(where);
  return true;
}

// Loads that nobody has asked for are no reason to wait; unless one of the set was given up and is not over yet.
bool residency::find_room_for(std::span<tensor_id const> ids, tier where) {
  return room_for(ids, where) || (give_up_what_waits() && room_for(ids, where) && joinable(ids, where));
}

// Those of the set that are there might lie in the way of the others: they come again, side by side. So might pins that nobody
// uses: they may leave, and nobody is given them meanwhile.
void residency::make_way_for_all(std::span<tensor_id const> ids) {
  for (tenant const& each : tenants_in(at(tier::vram).lying, {0, at(tier::vram).reserve_bytes})) {
    if (!cost_of(each, tier::vram, false, may_leave::pinned_too)) continue;
    if (std::find(ids.begin(), ids.end(), each.id) != ids.end())
      let_go(each.id, tier::vram, eviction_reason::fragmentation);
    else
      change(each.id, tier::vram, [](slot& pin) { pin.fixed = false; });
  }
}

// Each of the set that is missing can have its own place, and leaves that of the others alone.
bool residency::places_planned(std::span<tensor_id const> ids) const {
  std::vector<byte_range> places;
  for (tensor_id const id : records::distinct(ids)) {
    if (slot_of(id, tier::vram).state != slot_state::absent) continue;
    auto const own = planned_range(id);
    if (!own || !at(tier::vram).arena->is_committed(*own)) return false;
    std::vector<tensor_id> const there = lying_in(*own);
    auto const of_set = [&](tensor_id each) { return std::find(ids.begin(), ids.end(), each) != ids.end(); };
    if (!may_all_leave(there) || std::any_of(there.begin(), there.end(), of_set)) return false;
    places.push_back(*own);
  }
  std::ranges::sort(places, {}, &byte_range::offset);
  return std::adjacent_find(places.begin(), places.end(), [](byte_range left, byte_range right) {
           return left.end() > right.offset;
         }) == places.end();
}

// From here on the request holds its whole set; what is not there yet is being loaded, for it or for others too.
void residency::admit(request_id id, request& one) {
  one.admitted = true;
  bool const tight = one.where == tier::vram && !all_there(one.ids, tier::vram) && !granules_for(one.ids, one.where);
  bool const packed = tight && one.ids.size() > 1;
  bool const anew = tight && !place_now(one.ids);
  if (anew) make_way_for_all(one.ids);
  bool const off_plan = anew || (packed && !places_planned(one.ids));
  bool const all_first = one.where == tier::ram;  // so that none of the set leaves for another
  if (all_first)
    for (tensor_id each : one.ids) begin_use(slot_of(each, one.where), each, one.where, one.owner);
  for (tensor_id each : one.ids) {
    count_acquire(each, one.where);
    if (!all_first) begin_use(slot_of(each, one.where), each, one.where, one.owner);
    if (slot_of(each, one.where).state == slot_state::resident) continue;
    // What was to be there ahead is not, so others may be missing too: they left for this one's place, or will.
    if (slot_of(each, tier::vram).state == slot_state::absent) course_.fall_back();
    load* coming = find_load(each);
    if (coming == nullptr) coming = &start_load(each, one.where);
    ask_for(each, *coming);
    if (one.where == tier::vram && !coming->to_vram) want_vram(each, *coming);
    coming->packed = coming->packed || packed;
    coming->off_plan = coming->off_plan || off_plan;
    if (!coming->waiters.empty() && coming->waiters.back() == id) continue;  // twice in the set
    coming->waiters.push_back(id);
    ++one.missing;
  }
  if (one.missing > 0) return;
  requests_.erase(id);
  emit(grant_command{id});
}

// The tensor's bytes are right in that tier, in stream order: one tensor less for whoever waits for it there.
void residency::arrived(load& one, tensor_id id, tier where) {
  assert(slot_of(id, where).state == slot_state::resident);
  (void)id;
  std::erase_if(one.waiters, [&](request_id waiter) {
    auto const found = requests_.find(waiter);
    assert(found != requests_.end());
    if (found->second.where != where) return false;
    if (--found->second.missing == 0) {
      requests_.erase(found);
      emit(grant_command{waiter});
    }
    return true;
  });
}

void residency::reject(request_id id, failure const& why) {
  auto const found = requests_.find(id);
  if (found == requests_.end()) return;
  request const one = std::move(found->second);
  requests_.erase(found);
  std::erase(at(one.where).waiting, id);
  if (one.where == tier::vram)
    for (tensor_id each : one.ids) course_.released(each);
  if (one.admitted) {
    for (tensor_id each : one.ids) {
      end_use(each, one.where, one.owner);
      if (load* coming = find_load(each)) std::erase(coming->waiters, id);
    }
  }
  emit(reject_command{id, why});
}

void residency::reject_all(failure const& why) {
  while (!requests_.empty()) reject(requests_.begin()->first, why);
}

void residency::cancel(request_id id, failure const& why) {
  reject(id, why);
  pump();
}

// In ticket order; behind one that must wait, only callers that hold something may go on.
bool residency::admit_waiting(tier where) {
  tier_state& one = at(where);
  bool any = false;
  bool blocked = where == tier::ram && starving();
  for (std::size_t i = 0; i < one.waiting.size();) {
    request_id const id = one.waiting[i];
    request& each = requests_.at(id);
    if (status const fine = may_wait(each); !fine.ok()) {
      reject(id, fine.error());
      any = true;
      continue;
    }
    bool const turn = !blocked || holders_.holds_any(each.owner);
    if (turn && joinable(each.ids, where) && find_room_for(each.ids, where)) {
      one.waiting.erase(one.waiting.begin() + static_cast<std::ptrdiff_t>(i));
      admit(id, each);
      any = true;
      continue;
    }
    if (stuck(each)) {
      reject(id, {.code = errc::device_failed,
                  .what = "what must leave may still be in use: the order of a failed call is not proved" +
                          unproven_in_words()});
      any = true;
      continue;
    }
    if (in_pieces_beside_own_handles(each)) {
      reject(id, no_room(why_blocked(), "room only in pieces beside the owner's own handles", each));
      any = true;
      continue;
    }
    blocked = true;
    ++i;
  }
  return any;
}

// Only memory whose last use cannot be proved to be over stands in the way, and nothing under way will prove it.
bool residency::stuck(request const& one) const {
  tier_state const& of = at(one.where);
  std::uint64_t unproved_bytes = settle_asked_ ? 0 : of.quarantined_bytes;
  std::vector<tensor_id> unproved;
  for (records::unproven_use const& use : unproven_)
    if (one.where == tier::vram && slot_of(use.tensor, tier::vram).uses == 0) unproved.push_back(use.tensor);
  for (tensor_id id : records::distinct(unproved)) unproved_bytes += footprint(id, tier::vram);
  if (unproved_bytes == 0) return false;
  std::uint64_t const bytes = of.held_bytes() + of.quarantined_bytes + newly_held_bytes(one.ids, one.where);
  if (one.where == tier::vram && bytes <= of.target_bytes)  // in its granules
    return nothing_held_for_good() || in_pieces_beside_own_handles(one);
  return bytes > of.target_bytes && bytes - std::min(bytes, unproved_bytes) <= of.target_bytes;
}

}  // namespace tierpager
