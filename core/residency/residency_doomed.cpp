// Who leaves RAM for a load that is begun while others are still under way: decided when it begins and carried out when it
// is staged, so that what is in RAM follows from the order of the loads alone, not from when copies end.
#include <algorithm>
#include <cassert>

#include <core/residency/residency.hpp>

namespace tierpager {

// What tensors will take once all that is expected is staged, all that is doomed has left and what passes has passed.
std::uint64_t residency::promised_ram_bytes() const {
  std::uint64_t bytes = at(tier::ram).arena->allocated_bytes() - passing_ram_bytes_ - doomed_bytes_;
  for (tensor_id id : staging_)
    if (slot_of(id, tier::ram).expected) bytes += footprint(id, tier::ram);
  return bytes;
}

// Whole where RAM has room for it beside what may stay for long, else in a ring of two chunks.
records::stage_size residency::stage_size_of(tensor_id id) const {
  tier_state const& ram = at(tier::ram);
  slot const& own = slot_of(id, tier::ram);
  std::uint64_t const others =
      ram.lasting_bytes + ram.quarantined_bytes - (lasting(own) ? footprint(id, tier::ram) : 0);
  std::uint64_t const limit = std::min(ram.limit_bytes, ram.target_bytes);
  std::uint64_t const free = limit > others ? limit - others : 0;
  if (own.uses > 0 || footprint(id, tier::ram) <= free) return {.bytes = footprint(id, tier::ram), .ring_chunk = 0};
  std::uint64_t const chunk = std::min(options_.chunk_bytes, round_down(free / ring_slots, ram.options.granule_bytes));
  return {.bytes = ring_slots * chunk, .ring_chunk = chunk};
}

std::optional<tensor_id> residency::next_doomed(std::optional<tensor_id> behind, bool ahead) {
  auto id = behind ? next_in_line(*behind, tier::ram) : first_in_line(tier::ram);
  for (; id; id = next_in_line(*id, tier::ram)) {
    slot const& one = slot_of(*id, tier::ram);
    if (ahead && at_home(*id, tier::ram)) return std::nullopt;
    bool const there = one.state != slot_state::absent || one.expected;
    if (there && !lasting(one) && !one.pinned && !one.doomed) return id;
  }
  return std::nullopt;
}

// False, and nobody doomed, where a load ahead would take somebody's home, or handles leave it no room: for what is asked
// for, that is seen when it is staged.
bool residency::doom_for(tensor_id id, bool ahead) {
  tier_state const& ram = at(tier::ram);
  std::uint64_t const bytes = stage_size_of(id).bytes;
  std::uint64_t const limit = std::min(ram.limit_bytes, ram.target_bytes);
  if (bytes == 0) return !ahead;
  std::uint64_t promised = promised_ram_bytes() + bytes;
  std::size_t const before = doomed_.size();
  std::optional<tensor_id> next;
  while (promised > limit) {
    next = next_doomed(next, ahead);
    if (!next && ahead) {
      while (doomed_.size() > before) spare(doomed_.back());
      return false;
    }
    if (!next) return true;
    slot_of(*next, tier::ram).doomed = true;
    rest_of(*next, tier::ram).leaves_for = why_from_ram(*next);
    doomed_.push_back(*next);
    doomed_bytes_ += footprint(*next, tier::ram);
    promised -= footprint(*next, tier::ram);
  }
  return true;
}

// It is used here, or has left.
void residency::spare(tensor_id id) {
  slot& one = slot_of(id, tier::ram);
  if (!one.doomed) return;
  one.doomed = false;
  std::erase(doomed_, id);
  doomed_bytes_ -= footprint(id, tier::ram);
}

// Whether no copy reads it, nor will: a load that has no place yet is given up for that if it is ahead, though not for
// one that is ahead itself and comes later.
bool residency::idle_in_ram(tensor_id id, std::optional<tensor_id> ahead) {
  load* const one = find_load(id);
  if (!in_step() && one != nullptr && one->ahead && one->to_vram && !one->placed && !one->place_asked && !one->failed &&
      (!ahead || placed_behind(id, *ahead)))
    give_up_ahead(id, *one);
  return rest_of(id, tier::ram).busy == 0;
}

// Loads ahead get their places in order.
bool residency::placed_behind(tensor_id id, tensor_id other) const {
  auto const before = std::find(placing_.begin(), placing_.end(), other);
  return std::find(before, placing_.end(), id) != placing_.end();
}

// A guest whose home is VRAM, or without a plan one that is in VRAM, had its copy there.
eviction_reason residency::why_from_ram(tensor_id id) const {
  memory_plan const* const plan = course_.plan();
  bool const promoted =
      plan != nullptr ? plan->homes[index_of(id)] == home::vram : slot_of(id, tier::vram).state != slot_state::absent;
  return promoted && slot_of(id, tier::ram).guest ? eviction_reason::promoted : eviction_reason::room;
}

// Room for so much is there as soon as what passes has passed: nobody need leave for it.
bool residency::comes_free(std::uint64_t bytes) const {
  tier_state const& ram = at(tier::ram);
  std::uint64_t const allocated_bytes = ram.arena->allocated_bytes();
  std::uint64_t const passing_bytes = passing_ram_bytes_ - ram.quarantined_bytes;
  std::uint64_t const limit = soft_limit(tier::ram);
  return in_step() && allocated_bytes + bytes > limit && allocated_bytes + bytes - passing_bytes <= limit;
}

// Until `bytes` more fit or none is left. False where a copy still reads the next.
bool residency::evict_doomed(std::uint64_t bytes, std::optional<tensor_id> ahead) {
  while (!doomed_.empty() && at(tier::ram).arena->allocated_bytes() + bytes > soft_limit(tier::ram)) {
    tensor_id const id = doomed_.front();
    slot const& one = slot_of(id, tier::ram);
    if (in_step() && one.expected && one.state == slot_state::absent) return true;  // comes after what is staged now
    if (one.state == slot_state::absent || lasting(one) || one.pinned) {
      spare(id);
      continue;
    }
    if (one.state == slot_state::loading || !idle_in_ram(id, ahead)) return false;
    evict(id, tier::ram, rest_of(id, tier::ram).leaves_for);
  }
  return true;
}

}  // namespace tierpager
