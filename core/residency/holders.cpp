#include <core/residency/holders.hpp>

#include <utility>

namespace tierpager {
namespace {

constexpr std::size_t remembered_max = 4096;  // owners of whom a handle was released elsewhere

}  // namespace

// A place has become free: those behind it move up, each as far as its own home allows.
void holders::table::close_gap(std::size_t at) {
  for (std::size_t next = (at + 1) & mask(); entries[next].uses > 0; next = (next + 1) & mask()) {
    std::size_t const wanted = home(entries[next].owner, entries[next].id);
    if (((next - wanted) & mask()) < ((next - at) & mask())) continue;
    entries[at] = entries[next];
    at = next;
  }
  entries[at] = {};
  --taken;
}

void holders::table::grow() {
  std::vector<entry> const before = std::exchange(entries, std::vector<entry>(2 * entries.size()));
  for (entry const& each : before)
    if (each.uses > 0) entries[find(each.owner, each.id)] = each;
}

bool holders::holds_any(owner_id owner) const {
  return std::ranges::any_of(in_, [owner](table const& in) {
    return std::ranges::any_of(in.entries, [owner](entry const& each) { return each.uses > 0 && each.owner == owner; });
  });
}

bool holders::holds_all(owner_id owner, tier where) const {
  table const& in = in_[static_cast<std::size_t>(where)];
  return in.taken > 0 &&
         std::ranges::all_of(in.entries, [owner](entry const& each) { return each.uses == 0 || each.owner == owner; });
}

void holders::released_elsewhere(owner_id owner) {
  released_elsewhere_.insert(owner);
  if (released_elsewhere_.size() > remembered_max) released_elsewhere_.erase(released_elsewhere_.begin());
}

}  // namespace tierpager
