// Why a request waits: whose handles leave it no room, whether anybody else could change that, and how that is told.
#include <algorithm>
#include <cassert>
#include <functional>
#include <map>

#include <core/owner.hpp>
#include <core/residency/residency.hpp>

namespace tierpager {
namespace {

constexpr std::size_t names_max = 4;   // of tensors, for each owner
constexpr std::size_t owners_max = 8;  // in one message

std::string text(std::uint64_t number) { return std::to_string(number); }

// "'a', 'b' and 3 more"
std::string names(catalog const& tensors, std::span<tensor_id const> ids) {
  std::string all;
  for (std::size_t i = 0; i < std::min(names_max, ids.size()); ++i)
    all += (i > 0 ? ", '" : "'") + tensors[ids[i]].name + "'";
  return ids.size() > names_max ? all + " and " + text(ids.size() - names_max) + " more" : all;
}

// What each owner holds of a tier, in words: the one who asks first, then those who hold most.
// "thread 3 (which asks) holds 8192 bytes: 'a', 'b'; owner 5 holds 4096 bytes: 'c', and waits for 'a'"
std::string in_words(holders const& all, catalog const& tensors, std::vector<std::uint64_t> const& footprints,
                     std::map<request_id, records::request> const& requests, tier where, owner_id asking) {
  struct holder {
    owner_id owner;
    std::uint64_t bytes = 0;
    std::vector<tensor_id> ids = {};
  };
  std::map<owner_id, holder> by_owner;
  all.each(where, [&](owner_id owner, tensor_id id, std::uint64_t) {
    holder& one = by_owner.try_emplace(owner, holder{owner}).first->second;
    one.bytes += footprints[index_of(id)];
    one.ids.push_back(id);
  });
  if (by_owner.empty()) return "no handle holds any";
  std::vector<holder> sorted;
  sorted.reserve(by_owner.size());
  for (auto& [owner, one] : by_owner) sorted.push_back(std::move(one));
  std::ranges::stable_sort(sorted, std::greater(),
                           [&](holder const& one) { return std::pair(one.owner == asking, one.bytes); });
  std::string line;
  for (std::size_t i = 0; i < std::min(owners_max, sorted.size()); ++i) {
    auto& [owner, bytes, ids] = sorted[i];
    std::ranges::sort(ids);
    std::ranges::stable_sort(ids, std::greater(), [&](tensor_id id) { return footprints[index_of(id)]; });
    line += (i > 0 ? "; " : "") + describe(owner) + (owner == asking ? " (which asks)" : "") + " holds " + text(bytes) +
            " bytes: " + names(tensors, ids);
    auto const waits = std::ranges::find(requests, owner, [](auto const& each) { return each.second.owner; });
    if (owner != asking && waits != requests.end()) line += ", and waits for " + names(tensors, waits->second.ids);
  }
  return sorted.size() > owners_max ? line + " and " + text(sorted.size() - owners_max) + " more owners" : line;
}

}  // namespace

// Whatever others release, the set and so many bytes more find no room before the owner itself releases something: beside
// what it holds, what it wants, the pins that have come, and the scratch.
bool residency::blocked_by_own_handles(request const& one, std::uint64_t more_bytes) const {
  tier_state const& of = at(one.where);
  std::uint64_t const missing_bytes = newly_held_bytes(one.ids, one.where) + more_bytes;
  if (missing_bytes == 0 || of.held_bytes() + of.quarantined_bytes + missing_bytes <= of.target_bytes) return false;
  if (holders_.may_be_released_elsewhere(one.owner)) return false;
  std::uint64_t own_bytes = 0;
  holders_.each(one.where, [&](owner_id owner, tensor_id id, std::uint64_t) {
    if (owner == one.owner) own_bytes += footprint(id, one.where);
  });
  if (own_bytes == 0) return false;
  std::uint64_t bytes = own_bytes + more_bytes + scratch_bytes(one.where);
  std::vector<tensor_id> const wanted = records::distinct(one.ids);
  for (tensor_id id : wanted)
    if (!holders_.holds(one.owner, id, one.where)) bytes += footprint(id, one.where);
  if (bytes > of.target_bytes || bytes + of.pinned_bytes <= of.target_bytes) return bytes > of.target_bytes;
  for (auto const& [offset, each] : of.lying) {
    slot const& there = slot_of(each.id, one.where);
    bool const stays = there.fixed && there.state == slot_state::resident;
    if (stays && !holders_.holds(one.owner, each.id, one.where) && !std::ranges::binary_search(wanted, each.id))
      bytes += there.footprint_bytes;
  }
  return bytes > of.target_bytes;
}

status residency::may_wait(request const& one) const {
  if (status fine = fits_ever(one.ids, one.where); !fine.ok()) return fine;
  if (!blocked_by_own_handles(one)) return {};
  return no_room(errc::would_deadlock, "no room beside the owner's own handles", one);
}

// A load for the device passes through RAM, as a whole or in a ring of two granules at least. True where a request was
// refused because its owner's own handles leave no room for that.
bool residency::refuse_starved(tensor_id id, load const& starved) {
  std::uint64_t const ring_bytes = ring_slots * at(tier::ram).options.granule_bytes;
  bool any = false;
  for (request_id waiter : std::vector(starved.waiters)) {
    request wants{.ids = {}, .where = tier::ram, .owner = requests_.at(waiter).owner};
    if (!blocked_by_own_handles(wants, std::min(footprint(id, tier::ram), ring_bytes))) continue;
    wants.ids = {id};
    reject(waiter, no_room(errc::would_deadlock, "no RAM to load through beside the owner's own handles", wants));
    any = true;
  }
  return any;
}

// The bytes would do, but not as they lie, and nobody else will let go of any.
bool residency::in_pieces_beside_own_handles(request const& one) const {
  tier_state const& vram = at(tier::vram);
  std::uint64_t const bytes = vram.held_bytes() + vram.quarantined_bytes + newly_held_bytes(one.ids, one.where);
  return one.where == tier::vram && holders_.holds_all(one.owner, tier::vram) &&
         !holders_.may_be_released_elsewhere(one.owner) && bytes <= vram.target_bytes && joinable(one.ids, one.where) &&
         nothing_comes();
}

// Memory whose last use cannot be proved to be over is in the way as well.
errc residency::why_blocked() const {
  return unproven_.empty() && quarantined_vram_.empty() ? errc::blocked_by_handles : errc::device_failed;
}

// Names the largest tensor of the set that has no place, or may lose it.
failure residency::no_room(errc code, std::string const& why, request const& one) const {
  tier_state const& of = at(one.where);
  std::uint64_t wanted_bytes = 0;
  tensor_id largest = one.ids.front();
  for (tensor_id id : records::distinct(one.ids)) {
    slot const& there = slot_of(id, one.where);
    if (held(there) && there.range.bytes > 0) continue;
    if (wanted_bytes == 0 || there.footprint_bytes > footprint(largest, one.where)) largest = id;
    wanted_bytes += there.footprint_bytes;
  }
  std::uint64_t const held_bytes = of.held_bytes() + of.quarantined_bytes;
  std::uint64_t others = held_bytes;  // pins, scratch, loads ahead, what failed calls left
  for (slot const& each : of.slots)
    if (each.uses > 0) others -= each.footprint_bytes;
  return {.code = code,
          .what = why + ": wants " + text(wanted_bytes) + " bytes more, " + text(held_bytes) + " of " +
                  text(of.target_bytes) + " bytes of " + (one.where == tier::vram ? "VRAM" : "RAM") + " are held" +
                  (others > 0 ? ", " + text(others) + " of them by no handle; " : "; ") +
                  in_words(holders_, tensors_, *of.footprints, requests_, one.where, one.owner) +
                  (one.where == tier::vram ? unproven_in_words() : ""),
          .tensor = tensors_[largest].name};
}

// The first failure says most: it is what the others follow from.
std::string residency::unproven_in_words() const {
  if (unproven_.empty()) return "";
  return "; no fence could be recorded behind " + text(unproven_.size()) +
         (unproven_.size() == 1 ? " use: " : " uses: ") + unproven_.front().why.what;
}

failure residency::overdue(request_id id) const {
  request const& late = requests_.at(id);
  std::string const why = "the deadline of acquire passed";
  if (!late.admitted) {
    failure what = no_room(errc::timed_out, why, late);
    request_id const first = at(late.where).waiting.front();
    if (first != id)
      what.what += "; before it waits " + describe(requests_.at(first).owner) + " for " +
                   names(tensors_, requests_.at(first).ids);
    return what;
  }
  auto const comes = [&](tensor_id each) {
    load const* one = find_load(each);
    return one != nullptr && std::find(one->waiters.begin(), one->waiters.end(), id) != one->waiters.end();
  };
  auto const missing = std::find_if(late.ids.begin(), late.ids.end(), comes);
  assert(missing != late.ids.end());
  if (find_load(*missing)->starved)
    return no_room(errc::timed_out, why + " before there was RAM to load through",
                   {.ids = {*missing}, .where = tier::ram, .owner = late.owner});
  return {.code = errc::timed_out, .what = why + " while it was loaded", .tensor = tensors_[*missing].name};
}

}  // namespace tierpager
