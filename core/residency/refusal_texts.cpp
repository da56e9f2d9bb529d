#include <core/residency/refusal_texts.hpp>

#include <algorithm>
#include <cassert>
#include <functional>
#include <map>

#include <core/owner.hpp>

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

struct holding {
  owner_id owner;
  std::uint64_t bytes = 0;
  std::vector<tensor_id> ids = {};
};

// The owner that asks first, then those that hold most; of each, the largest tensors first.
std::vector<holding> sorted_holdings(holders const& held, std::vector<std::uint64_t> const& footprints, tier where,
                                     owner_id asking) {
  std::map<owner_id, holding> by_owner;
  held.each(where, [&](owner_id owner, tensor_id id, std::uint64_t) {
    holding& own = by_owner.try_emplace(owner, holding{owner}).first->second;
    own.bytes += footprints[index_of(id)];
    own.ids.push_back(id);
  });
  std::vector<holding> sorted;
  sorted.reserve(by_owner.size());
  for (auto& [owner, own] : by_owner) sorted.push_back(std::move(own));
  std::ranges::stable_sort(sorted, std::greater(),
                           [&](holding const& own) { return std::pair(own.owner == asking, own.bytes); });
  for (holding& own : sorted) {
    std::ranges::sort(own.ids);
    std::ranges::stable_sort(own.ids, std::greater(), [&](tensor_id id) { return footprints[index_of(id)]; });
  }
  return sorted;
}

}  // namespace

// "thread 3 (which asks) holds 8192 bytes: 'a', 'b'; owner 5 holds 4096 bytes: 'c', and waits for 'a'"
std::string refusal_texts::held_in_words(tier where, owner_id asking) const {
  auto const sorted = sorted_holdings(book_.held, *ledger_.slots.footprints(where), where, asking);
  if (sorted.empty()) return "no handle holds any";
  std::string line;
  for (std::size_t i = 0; i < std::min(owners_max, sorted.size()); ++i) {
    auto const& [owner, bytes, ids] = sorted[i];
    line += (i > 0 ? "; " : "") + describe(owner) + (owner == asking ? " (which asks)" : "") + " holds " + text(bytes) +
            " bytes: " + names(ledger_.tensors, ids);
    auto const waits = std::ranges::find(book_.requests, owner, [](auto const& each) { return each.second.owner; });
    if (owner != asking && waits != book_.requests.end())
      line += ", and waits for " + names(ledger_.tensors, waits->second.ids);
  }
  return sorted.size() > owners_max ? line + " and " + text(sorted.size() - owners_max) + " more owners" : line;
}

failure refusal_texts::no_room(errc code, std::string const& why, request const& asked) const {
  tier const where = asked.where;
  std::uint64_t wanted_bytes = 0;
  tensor_id largest = asked.ids.front();
  for (tensor_id const id : distinct(asked.ids)) {
    slot const& there = ledger_.slots.at(id, where);
    if (held(there) && there.range.bytes > 0) continue;
    if (wanted_bytes == 0 || there.footprint_bytes > ledger_.slots.footprint(largest, where)) largest = id;
    wanted_bytes += there.footprint_bytes;
  }
  std::uint64_t const held_bytes = ledger_.slots.sum(where).held_bytes() + ledger_.memory[where].quarantined_bytes();
  std::uint64_t others = held_bytes;  // pins, scratch, loads ahead, what failed calls left
  for (slot const& each : ledger_.slots.all(where))
    if (each.uses > 0) others -= each.footprint_bytes;
  return {.code = code,
          .what = why + ": wants " + text(wanted_bytes) + " bytes more, " + text(held_bytes) + " of " +
                  text(ledger_.budget[where].target_bytes()) + " bytes of " + (where == tier::vram ? "VRAM" : "RAM") +
                  " are held" + (others > 0 ? ", " + text(others) + " of them by no handle; " : "; ") +
                  held_in_words(where, asked.owner) + (where == tier::vram ? book_.unproven.in_words() : ""),
          .tensor = ledger_.tensors[largest].name};
}

failure refusal_texts::overdue(request_id id) const {
  request const& late = book_.requests.at(id);
  std::string const why = "the deadline of acquire passed";
  if (!late.admitted) {
    failure what = no_room(errc::timed_out, why, late);
    request_id const first = book_.waiting[late.where].front();
    if (first != id)
      what.what += "; before it waits " + describe(book_.requests.at(first).owner) + " for " +
                   names(ledger_.tensors, book_.requests.at(first).ids);
    return what;
  }
  auto const comes = [&](tensor_id each) {
    load const* coming = loads_.find(each);
    return coming != nullptr && std::ranges::find(coming->waiters, id) != coming->waiters.end();
  };
  auto const missing = std::ranges::find_if(late.ids, comes);
  assert(missing != late.ids.end());
  if (loads_.find(*missing)->starved)
    return no_room(errc::timed_out, why + " before there was RAM to load through",
                   {.ids = {*missing}, .where = tier::ram, .owner = late.owner});
  return {.code = errc::timed_out, .what = why + " while it was loaded", .tensor = ledger_.tensors[*missing].name};
}

failure refusal_texts::unproved() const {
  return {.code = errc::device_failed,
          .what = "what must leave may still be in use: the order of a failed call is not proved" +
                  book_.unproven.in_words()};
}

}  // namespace tierpager
