// RAM is page-locked piece by piece while the pager works already. Decisions take all of it as committed; what has a place in
// a piece that has not come waits for it.
#include <algorithm>
#include <utility>

#include <core/residency/residency.hpp>

namespace tierpager {

void residency::commit_in_background() {
  tier_state& ram = at(tier::ram);
  for (byte_range const piece : ram.arena->grow(ram.target_bytes, commit_piece_bytes)) {
    fence const use = stage_uses_.begin();
    ram.arena->committed(piece);
    ram.arena->use_last(piece, use);
    ram.opening.push_back({piece, use, true});
  }
  ram.grows = false;  // hits need not ask
  if (!ram.opening.empty()) start_remap(tier::ram, std::nullopt, {tier::ram, {}, {ram.opening.front().range}});
}

// The first of what was to come has, or not. Where the system refuses it, half of it is tried.
void residency::open_further(bool came, status const& outcome) {
  tier_state& ram = at(tier::ram);
  records::coming_memory const first = ram.opening.front();
  ram.opening.pop_front();
  bool const refused = !came && outcome.error().code == errc::out_of_memory;
  if (came) {
    ram.arena->count_peak();
    if (first.last) end_stage_use(first.use, {});
  } else if (refused && first.range.bytes > ram.options.granule_bytes) {
    std::uint64_t const half = round_up(first.range.bytes / 2, ram.options.granule_bytes);
    ram.opening.push_front({{first.range.offset + half, first.range.bytes - half}, first.use, first.last});
    ram.opening.push_front({{first.range.offset, half}, first.use, false});
  } else {
    ram.opening.push_front(first);
    do_without_the_rest();
    if (refused) (void)make_do(tier::ram);
    ram.memory_failed = !refused;
  }
  if (!ram.opening.empty()) start_remap(tier::ram, std::nullopt, {tier::ram, {}, {ram.opening.front().range}});
}

// Whoever has a place in it gets another one.
void residency::do_without_the_rest() {
  tier_state& ram = at(tier::ram);
  std::deque<records::coming_memory> const lost = std::exchange(ram.opening, {});
  std::uint64_t const from = lost.front().range.offset;
  std::vector<tensor_id> anew;
  for (auto const& [id, one] : loads_)
    if (one.stage_waits && one.stage.end() > from) anew.push_back(static_cast<tensor_id>(id));
  std::ranges::sort(anew);
  for (tensor_id const id : anew) {
    load& one = *find_load(id);
    one.stage_waits = false;
    --waiting_stages_;
    byte_range const place = one.stage;
    if (unstage(id, one)) ram.arena->free(place, {});
    enqueue(staging_, id);
  }
  for (records::coming_memory const& each : lost) ram.arena->take_back(each.range);
  for (records::coming_memory const& each : lost)
    if (each.last) end_stage_use(each.use, {});
}

}  // namespace tierpager
