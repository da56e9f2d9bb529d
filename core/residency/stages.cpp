#include <core/residency/stages.hpp>

#include <algorithm>
#include <cassert>

namespace tierpager {

// Whole where RAM has room for it beside what may stay for long, else in a buffer of two chunks.
stages::stage_size stages::size_of(tensor_id id) const {
  slot const& own = ledger_.slots.at(id, tier::ram);
  tier_budget const& budget = ledger_.budget.ram;
  std::uint64_t const others = ledger_.slots.sum(tier::ram).lasting_bytes + ledger_.memory.ram.quarantined_bytes() -
                               (lasting(own) ? own.footprint_bytes : 0);
  std::uint64_t const limit = std::min(budget.limit_bytes(), budget.target_bytes());
  std::uint64_t const free = limit > others ? limit - others : 0;
  if (own.uses > 0 || own.footprint_bytes <= free) return {.bytes = own.footprint_bytes, .buffer_chunk_bytes = 0};
  std::uint64_t const chunk =
      std::min(ledger_.options.chunk_bytes, round_down(free / buffer_chunks, budget.options().granule_bytes));
  return {.bytes = buffer_chunks * chunk, .buffer_chunk_bytes = chunk};
}

bool stages::has_room_ahead(tensor_id id) const {
  std::uint64_t const bytes = size_of(id).bytes;
  return bytes > 0 && search_.cheapest(tier::ram, bytes, true, victim_search::may_leave::running_too).has_value();
}

bool stages::place(tensor_id id, load& coming) {
  assert(!coming.in_ram.exists() && !coming.failed);
  bool const handles_alone = ledger_.memory.ram.quarantined_bytes() == 0 && !coming.ahead;
  stage_size size = size_of(id);
  coming.starved = handles_alone && size.bytes == 0;
  if (size.bytes == 0) return false;
  if (ledger_.options.overcommit_pins) {
    evictor_.free_buffers();
    (void)rooms_.make_room(tier::ram, size.bytes, coming.ahead);
  }
  auto placed = size.buffer_chunk_bytes == 0 ? place_as_planned(id) : std::nullopt;
  if (!placed) placed = find(id, size, coming.ahead);
  room made = room::none;
  if (!placed && !coming.ahead) placed = rooms_.place_by_remap(tier::ram, size.bytes, made);
  coming.starved = !placed && handles_alone && ledger_.slots.at(id, tier::ram).uses == 0 && !evictor_.in_step();
  if (!placed) return false;
  take(id, coming, std::move(*placed), size.buffer_chunk_bytes);
  return true;
}

std::optional<tier_arena::placement> stages::place_as_planned(tensor_id id) {
  tier_arena& arena = ledger_.memory.ram.arena();
  auto const own = reservations_.planned_range(id, tier::ram);
  if (!own || ledger_.budget.ram.lowering() || !arena.is_committed(*own)) return std::nullopt;
  for (tenant const& each : tenants_in(ledger_.slots.places(tier::ram), *own))
    if (!search_.cost_of(each, tier::ram, false, victim_search::may_leave::running_too)) return std::nullopt;
  evictor_.clear_ram(*own, eviction_reason::room);
  return arena.place_at(*own);
}

// A hole, else the cheapest window; where neither is large enough, for smaller chunks, unless it is wanted in RAM.
std::optional<tier_arena::placement> stages::find(tensor_id id, stage_size& size, bool homes_stay) {
  tier_arena& arena = ledger_.memory.ram.arena();
  std::uint64_t const granule = ledger_.budget.ram.options().granule_bytes;
  bool const wanted_here = ledger_.slots.at(id, tier::ram).uses > 0;
  for (;;) {
    if (auto hole = arena.place(size.bytes)) return hole;
    auto const window = search_.cheapest(tier::ram, size.bytes, homes_stay, victim_search::may_leave::running_too);
    if (window) {
      bool const by_bytes = arena.committed_bytes() - arena.allocated_bytes() < size.bytes;
      evictor_.clear_ram(window->range, by_bytes ? eviction_reason::room : eviction_reason::fragmentation);
      auto placed = arena.place_at(window->range);
      assert(placed);
      return placed;
    }
    if (wanted_here || size.bytes <= buffer_chunks * granule) return std::nullopt;
    std::uint64_t const chunk = std::min(ledger_.options.chunk_bytes, size.bytes / buffer_chunks / 2);
    size.buffer_chunk_bytes = std::max(granule, round_down(chunk, granule));
    size.bytes = buffer_chunks * size.buffer_chunk_bytes;
  }
}

void stages::take(tensor_id id, load& coming, tier_arena::placement placed, std::uint64_t buffer_chunk_bytes) {
  stage& own = coming.in_ram;
  own.range = placed.range;
  own.buffered = buffer_chunk_bytes > 0;
  own.use = uses_.begin();
  if (!placed.after.empty()) after_[id].uses = std::move(placed.after);
  ledger_.memory.ram.arena().use_last(own.range, own.use);
  coming.chunks.begin(ledger_.tensors[id].bytes, own.buffered ? buffer_chunk_bytes : ledger_.options.chunk_bytes, false,
                      own.buffered);
  if (own.buffered) {
    ledger_.slots.add_buffer(id, own.range);
  } else {
    ledger_.slots.set_range(id, tier::ram, own.range);
    evictor_.touch(id, tier::ram);
    ledger_.slots.set_state(id, tier::ram, slot_state::loading);
    evictor_.classify(id, tier::ram);
  }
  own.asked = !placed.commits.empty();
  if (own.asked) ledger_.memory.ram.remap_for(id, std::move(placed));
}

void stages::use_resident(tensor_id id, load& coming) {
  coming.in_ram.range = ledger_.slots.at(id, tier::ram).range;
  coming.in_ram.use = uses_.begin();
  coming.in_ram.ready = true;
  ledger_.memory.ram.arena().use(coming.in_ram.range, coming.in_ram.use);
  coming.chunks.begin(ledger_.tensors[id].bytes, ledger_.options.chunk_bytes, true, false);
}

bool stages::await(tensor_id id, load& coming) {
  auto const found = after_.find(id);
  if (found != after_.end()) {
    std::vector<fence>& earlier = found->second.uses;
    std::erase_if(earlier, [this](fence use) { return uses_.over(use); });
    for (fence const use : earlier) uses_.wait(id, use);
    found->second.awaited = true;
    coming.in_ram.waits = !earlier.empty();
    if (earlier.empty()) after_.erase(found);
  }
  if (coming.in_ram.waits) ++waiting_;
  coming.in_ram.ready = !coming.in_ram.waits;
  return coming.in_ram.ready;
}

void stages::stop_waiting(load& coming) {
  if (std::exchange(coming.in_ram.waits, false)) --waiting_;
}

// The load waits for one use less, or for those before it. True where it waits for none.
bool stages::goes_on(tensor_id id, fence use, std::span<fence const> before) {
  auto const found = after_.find(id);
  if (found == after_.end() || !found->second.awaited) return false;
  std::vector<fence>& earlier = found->second.uses;
  if (std::erase(earlier, use) == 0) return false;
  for (fence const each : before) {
    if (std::ranges::find(earlier, each) != earlier.end()) continue;
    earlier.push_back(each);
    uses_.wait(id, each);
  }
  if (!earlier.empty()) return false;
  after_.erase(found);
  return true;
}

std::vector<fence> stages::leave_behind(tensor_id id, load const& gone) {
  auto const found = after_.find(id);
  if (found == after_.end()) return {};
  std::vector<fence> before = std::move(found->second.uses);
  after_.erase(found);
  std::erase_if(before, [this](fence use) { return uses_.over(use); });
  for (fence const use : before) ledger_.memory.ram.arena().use(gone.in_ram.range, use);
  return before;
}

bool stages::give_up(tensor_id id, load const& gone) {
  stage const& own = gone.in_ram;
  if (own.buffered) {
    auto const& places = ledger_.slots.places(tier::ram);
    auto const at = places.find(own.range.offset);
    bool const still = at != places.end() && at->second.id == id && at->second.range == own.range;
    if (!still || ledger_.slots.at(id, tier::ram).range == own.range) return false;
    ledger_.slots.remove_buffer(own.range);
    return true;
  }
  if (!stays_in_ram(id, gone)) return false;
  ledger_.slots.set_range(id, tier::ram, {});
  ledger_.slots.set_state(id, tier::ram, slot_state::absent);
  ledger_.order.ram.erased(id);
  evictor_.classify(id, tier::ram);
  return true;
}

}  // namespace tierpager
