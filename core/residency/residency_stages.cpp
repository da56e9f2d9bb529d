// Stages: the place in RAM through which a load passes, or where it stays. It is chosen, and who leaves for it, when the load
// begins, so that what is in RAM follows from the order of the loads alone, not from when reads and copies end. Earlier loads
// may still use the place: then the read waits for them.
#include <algorithm>
#include <cassert>
#include <functional>

#include <core/residency/residency.hpp>

namespace tierpager {

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

// A guest whose home is VRAM, or without a plan one that is in VRAM, had its copy there.
eviction_reason residency::why_from_ram(tensor_id id, eviction_reason otherwise) const {
  memory_plan const* const plan = course_.plan();
  bool const promoted =
      plan != nullptr ? plan->homes[index_of(id)] == home::vram : slot_of(id, tier::vram).state != slot_state::absent;
  return promoted && slot_of(id, tier::ram).guest ? eviction_reason::promoted : otherwise;
}

// Whoever lies there leaves, whether it has been read or not: what is under way passes through, and a ring is free once its
// load is over.
void residency::clear_ram(byte_range range, eviction_reason why) {
  tier_state& ram = at(tier::ram);
  for (tenant const& each : tenants_in(ram.lying, range)) {
    if (slot_of(each.id, tier::ram).range == each.range) {
      evict(each.id, tier::ram, why_from_ram(each.id, why));
    } else {
      free_ring(each.range);
    }
  }
}

void residency::free_ring(byte_range range) {
  tier_state& ram = at(tier::ram);
  ram.lying.erase(range.offset);
  --ram.rings;
  ram.arena->free(range, {});
}

void residency::free_rings() {
  tenants const there = at(tier::ram).rings > 0 ? at(tier::ram).lying : tenants();
  for (auto const& [offset, each] : there)
    if (slot_of(each.id, tier::ram).range != each.range && at(tier::ram).remap_for != each.id) free_ring(each.range);
}

// Nobody at home leaves for a load ahead.
bool residency::room_in_ram_ahead(tensor_id id) const {
  std::uint64_t const bytes = stage_size_of(id).bytes;
  if (bytes == 0 || !staging_.empty()) return false;
  return search_windows(tier::ram, bytes, true, may_leave::running_too).has_value();
}

std::optional<tier_arena::placement> residency::place_as_planned_in_ram(tensor_id id) {
  tier_state& ram = at(tier::ram);
  auto const own = planned_range(id, tier::ram);
  if (!own || ram.target_bytes < ram.limit_bytes || !ram.arena->is_committed(*own)) return std::nullopt;
  for (tenant const& each : tenants_in(ram.lying, *own))
    if (!cost_of(each, tier::ram, false, may_leave::running_too)) return std::nullopt;
  clear_ram(*own, eviction_reason::room);
  return ram.arena->place_at(*own);
}

// A hole, else the cheapest window; where neither is large enough, for small chunks of it, unless it is wanted in RAM.
std::optional<tier_arena::placement> residency::find_stage(tensor_id id, records::stage_size& size, bool homes_stay) {
  tier_arena& arena = *at(tier::ram).arena;
  std::uint64_t const granule = at(tier::ram).options.granule_bytes;
  bool const wanted_here = slot_of(id, tier::ram).uses > 0;
  for (;;) {
    if (auto hole = arena.place(size.bytes)) return hole;
    if (auto const window = search_windows(tier::ram, size.bytes, homes_stay, may_leave::running_too)) {
      bool const by_bytes = arena.committed_bytes() - arena.allocated_bytes() < size.bytes;
      clear_ram(window->range, by_bytes ? eviction_reason::room : eviction_reason::fragmentation);
      auto placed = arena.place_at(window->range);
      assert(placed);
      return placed;
    }
    if (wanted_here || size.bytes <= ring_slots * granule) return std::nullopt;
    std::uint64_t const chunk = std::min(options_.chunk_bytes, size.bytes / ring_slots / 2);
    size.ring_chunk = std::max(granule, round_down(chunk, granule));
    size.bytes = ring_slots * size.ring_chunk;
  }
}

// False where what is held leaves no room.
bool residency::stage(tensor_id id, load& one) {
  assert(!one.has_stage() && !one.failed);
  bool const starved = at(tier::ram).quarantined_bytes == 0 && !one.ahead;
  records::stage_size const wanted = stage_size_of(id);
  one.starved = starved && wanted.bytes == 0;
  if (wanted.bytes == 0) return false;
  if (options_.overcommit_pins) free_rings(), (void)make_room(tier::ram, wanted.bytes, id, one);
  records::stage_size size = wanted;
  auto placed = wanted.ring_chunk == 0 ? place_as_planned_in_ram(id) : std::nullopt;
  if (!placed) placed = find_stage(id, size, one.ahead);
  room made = room::none;
  if (!placed && !one.ahead) placed = place_by_remap(tier::ram, size.bytes, made);
  one.starved = !placed && starved && slot_of(id, tier::ram).uses == 0 && !in_step();
  if (!placed) return false;
  std::erase(staging_, id);
  take_stage(id, one, std::move(*placed), size.ring_chunk);
  return true;
}

void residency::take_stage(tensor_id id, load& one, tier_arena::placement placed, std::uint64_t ring_chunk) {
  tier_state& ram = at(tier::ram);
  one.stage = placed.range;
  one.ring = ring_chunk > 0;
  one.stage_use = stage_uses_.begin();
  one.stage_after = std::move(placed.after);
  ram.arena->use_last(one.stage, one.stage_use);
  prepare_chunks(id, one, one.ring ? ring_chunk : options_.chunk_bytes, chunk_state::waiting);
  if (one.ring) {
    ram.lying.emplace(one.stage.offset, tenant{id, one.stage});
    ++ram.rings;
  } else {
    set_range(id, tier::ram, one.stage);
    touch(id, tier::ram);
    change(id, tier::ram, [](slot& read) { read.state = slot_state::loading; });
    classify(id, tier::ram);
  }
  one.stage_asked = !placed.commits.empty();
  if (one.stage_asked)
    start_remap(tier::ram, id, {tier::ram, std::move(placed.decommits), std::move(placed.commits)});
  else
    await_stage(id, one);
}

// Until nobody else uses it any more.
void residency::await_stage(tensor_id id, load& one) {
  std::erase_if(one.stage_after, [this](fence use) { return stage_uses_.over(use); });
  for (fence const use : one.stage_after) stage_uses_.wait(id, use);
  one.stage_waits = !one.stage_after.empty();
  if (one.stage_waits)
    ++waiting_stages_;
  else
    one.staged = true, queue_reads(id, one);
}

// Nothing of that load touches its stage any more. Where it never has, those behind it wait for what it waited for.
void residency::stage_over(load const& gone) {
  tier_arena& arena = *at(tier::ram).arena;
  std::vector<fence> before = gone.staged ? std::vector<fence>() : gone.stage_after;
  std::erase_if(before, [this](fence use) { return stage_uses_.over(use); });
  for (fence const use : before) arena.use(gone.stage, use);
  end_stage_use(gone.stage_use, before);
}

void residency::end_stage_use(fence use, std::span<fence const> before) {
  at(tier::ram).arena->passed(use);
  for (tensor_id const id : stage_uses_.end(use)) {
    load* const next = find_load(id);
    if (next == nullptr || !next->stage_waits || std::erase(next->stage_after, use) == 0) continue;
    for (fence const each : before) {
      if (std::ranges::find(next->stage_after, each) != next->stage_after.end()) continue;
      next->stage_after.push_back(each);
      stage_uses_.wait(id, each);
    }
    if (!next->stage_after.empty()) continue;
    next->stage_waits = false;
    --waiting_stages_;
    if (next->unwanted())
      drop(id, *next);
    else
      next->staged = true, queue_reads(id, *next);
  }
}

// What the load has in RAM is no tensor's any more, though copies from it may still run. False where it was not its own.
bool residency::leave_stage(tensor_id id, load const& gone) {
  tier_state& ram = at(tier::ram);
  if (gone.ring) {
    auto const own = ram.lying.find(gone.stage.offset);
    bool const still = own != ram.lying.end() && own->second.id == id && own->second.range == gone.stage;
    if (!still || slot_of(id, tier::ram).range == gone.stage) return false;
    ram.lying.erase(own);
    --ram.rings;
    return true;
  }
  if (!gone.stays_in_ram()) return false;
  set_range(id, tier::ram, {});
  change(id, tier::ram, [](slot& left) { left.state = slot_state::absent; });
  ram.policy->erased(id);
  classify(id, tier::ram);
  return true;
}

// Destroys `one`, of which nothing has been read, nor will be.
void residency::drop(tensor_id id, load& one) {
  std::erase(staging_, id);
  std::erase(placing_, id);
  counters_.bytes_from_disk -= tensors_[id].bytes;
  if (one.to_vram) {
    counters_.bytes_to_device -= tensors_[id].bytes;
    if (one.began_ahead) counters_.ahead_bytes -= tensors_[id].bytes;
    if (slot_of(id, tier::vram).ahead) no_longer_ahead(id);
    change(id, tier::vram, [](slot& coming) { coming.state = slot_state::absent; });
    at(tier::vram).policy->erased(id);
    classify(id, tier::vram);
  }
  load const gone = std::move(one);
  loads_.erase(static_cast<std::uint32_t>(id));
  if (gone.has_stage()) give_up_stage(id, gone);
}

}  // namespace tierpager
