// Who leaves RAM for a load that is begun while others are still under way: decided when it begins and carried out when it
// is staged, so that what is in RAM follows from the order of the loads alone, not from when copies end.
#include <algorithm>
#include <cassert>

#include <core/residency.hpp>

namespace tierpager {

// What will be allocated once all that is expected is staged and all that is doomed has left.
std::uint64_t residency::promised_ram_bytes() const {
  std::uint64_t bytes = at(tier::ram).arena->allocated_bytes() - doomed_bytes_;
  for (tensor_id id : staging_) bytes += footprint(id, tier::ram);
  return bytes;
}

std::optional<tensor_id> residency::next_doomed(bool ahead) const {
  for (auto id = first_in_line(tier::ram); id; id = next_in_line(*id, tier::ram)) {
    slot const& one = slot_of(*id, tier::ram);
    if (ahead && one.preferred) return std::nullopt;
    if (evictable(*id, tier::ram) && !one.pinned && !one.doomed) return id;
  }
  return std::nullopt;
}

// False, and nobody doomed, where a load ahead would take somebody's home. What passes RAM in chunks dooms nobody, and
// where handles leave no room now, that is seen when it is staged.
bool residency::doom_for(tensor_id id, bool ahead) {
  tier_state const& ram = at(tier::ram);
  std::uint64_t const bytes = footprint(id, tier::ram);
  std::uint64_t const limit = std::min(ram.limit_bytes, ram.target_bytes);
  if (ram.lasting_bytes + bytes > limit) return true;
  std::uint64_t promised = promised_ram_bytes() + bytes;
  std::size_t const before = doomed_.size();
  while (promised > limit) {
    auto const next = next_doomed(ahead);
    if (!next && ahead) {
      while (doomed_.size() > before) spare(doomed_.back());
      return false;
    }
    if (!next) return true;
    slot_of(*next, tier::ram).doomed = true;
    doomed_.push_back(*next);
    doomed_bytes_ += footprint(*next, tier::ram);
    promised -= footprint(*next, tier::ram);
  }
  return true;
}

// It is used here, or has left.
void residency::spare(tensor_id id) {
  slot& one = slot_of(id, tier::ram);
  if (!std::exchange(one.doomed, false)) return;
  std::erase(doomed_, id);
  doomed_bytes_ -= footprint(id, tier::ram);
}

// Until `bytes` more fit or none is left. False where a copy still reads the next.
bool residency::evict_doomed(std::uint64_t bytes) {
  while (!doomed_.empty() && at(tier::ram).arena->allocated_bytes() + bytes > soft_limit(tier::ram)) {
    tensor_id const id = doomed_.front();
    slot const& one = slot_of(id, tier::ram);
    if (!evictable(id, tier::ram) || one.pinned) {
      spare(id);
      continue;
    }
    if (one.busy > 0) return false;
    bool const promoted = one.guest && slot_of(id, tier::vram).state == slot_state::resident;
    evict(id, tier::ram, promoted ? eviction_reason::promoted : eviction_reason::room);
  }
  return true;
}

}  // namespace tierpager
