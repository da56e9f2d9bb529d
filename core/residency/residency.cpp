#include <core/residency/residency.hpp>

#include <algorithm>
#include <cassert>

namespace tierpager {
namespace {

constexpr std::uint64_t ring_chunk_bytes_max = 4U << 20U;  // of the smallest ring that works

// Above a lowered budget: memory that is still there, or was promised under the old one.
std::uint64_t pending_bytes(records::tier_state const& one) {
  if (one.limit_bytes <= one.target_bytes) return 0;
  std::uint64_t there = one.arena->committed_bytes();
  if (one.remap)
    for (byte_range const going : one.remap->decommits) there += going.bytes;
  there = std::max(there, one.held_bytes() + one.quarantined_bytes);
  return there - std::min(there, one.target_bytes);
}

}  // namespace

residency::residency(catalog const& tensors, residency_options const& options,
                     std::unique_ptr<eviction_policy> vram_policy, std::unique_ptr<eviction_policy> ram_policy)
    : tensors_(tensors), options_(options), course_(tensors.size(), options.vram.present && !vram_policy->exact()) {
  at(tier::vram).options = options.vram;
  at(tier::ram).options = options.ram;
  std::uint64_t const granule = options.ram.granule_bytes;
  options_.chunk_bytes = std::max(granule, round_down(options.chunk_bytes, granule));
  open_tier(tier::vram, std::move(vram_policy));
  open_tier(tier::ram, std::move(ram_policy));
  // A ring of two chunks, or the whole of the largest tensor.
  ring_floor_bytes_ = std::min(ring_slots * std::min(options_.chunk_bytes, ring_chunk_bytes_max),
                               at(tier::ram).unpinned.empty() ? 0 : at(tier::ram).unpinned.rbegin()->first);
  for (tier where : both_tiers) {
    set_target(where);
    at(where).limit_bytes = at(where).target_bytes;
    if (at(where).policy) at(where).policy->resized(at(where).limit_bytes);
    at(where).effective_bytes = effective_of(where, at(where).options.budget_bytes);
  }
  commit_at_open(tier::vram);
  options.ram.can_remap ? commit_in_background() : commit_at_open(tier::ram);
  place_scratch();
}

// Address space is cheap: enough of it that, however what is held lies, a gap for the largest tensor remains, within
// reason for catalogs of very many tensors.
void residency::open_tier(tier where, std::unique_ptr<eviction_policy> policy) {
  tier_state& one = at(where);
  one.policy = std::move(policy);
  one.open = one.options.present;
  one.guests.emplace(course_.kept() ? tensors_.size() : 0);
  one.slots.resize(tensors_.size());
  one.rest.resize(tensors_.size());
  std::vector<std::uint64_t> footprints(tensors_.size());
  std::uint64_t total = 0;
  std::uint64_t largest = 0;
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    slot& each = one.slots[i];
    each.bytes = tensors_.infos()[i].bytes;
    std::uint64_t const bytes = each.footprint_bytes = footprints[i] =
        round_up(each.bytes, one.options.footprint_align_bytes());
    ++one.unpinned[bytes];
    total += bytes;
    largest = std::max(largest, bytes);
    if (bytes == 0) each.state = slot_state::resident;  // nothing to load, nothing to evict
  }
  one.footprints = std::make_shared<std::vector<std::uint64_t> const>(std::move(footprints));
  bool const staging = where == tier::ram && at(tier::vram).options.present;
  if (one.options.present || staging) {
    std::uint64_t const gaps =
        std::min<std::uint64_t>(tensors_.size() + 1, 64 + 4 * (total / std::max<std::uint64_t>(largest, 1)));
    one.need_bytes = round_up(total + scratch_bytes(where), one.options.granule_bytes);
    one.reserve_bytes = round_up(one.need_bytes + gaps * largest, one.options.granule_bytes);
  }
  one.arena.emplace(one.reserve_bytes, one.options.granule_bytes);
}

bool residency::reserve_less(tier where) {
  tier_state& one = at(where);
  if (one.reserve_bytes <= one.target_bytes) return false;
  one.reserve_bytes = std::max(one.target_bytes, round_down(one.reserve_bytes / 2, one.options.granule_bytes));
  one.arena->end_at(one.reserve_bytes);
  return true;
}

// All that the budget allows and the model needs, once, so that nothing is mapped while tensors come and go.
void residency::commit_at_open(tier where) {
  tier_state& one = at(where);
  if (!one.options.can_remap) {
    one.reserve_bytes = one.target_bytes;
    one.arena.emplace(one.reserve_bytes, one.options.granule_bytes);
  }
  if (one.target_bytes == 0) return;
  // What the scratch lies in comes first, on its own: without that a pager does not open.
  std::uint64_t const least = std::min(round_up(scratch_bytes(where), one.options.granule_bytes), one.target_bytes);
  remap_command what{
      where, {}, one.options.can_remap ? one.arena->grow(least, commit_piece_bytes) : std::vector<byte_range>{}};
  std::uint64_t const piece_bytes = one.options.can_remap ? commit_piece_bytes : one.target_bytes;
  for (byte_range piece : one.arena->grow(one.target_bytes, piece_bytes)) what.commits.push_back(piece);
  for (byte_range piece : what.commits) one.arena->committed(piece);  // before anything is asked for
  one.grows = false;
  one.opens = true;
  start_remap(where, std::nullopt, std::move(what));
}

void residency::place_scratch() {
  tier_state& vram = at(tier::vram);
  std::uint64_t const bytes = scratch_bytes(tier::vram);
  if (bytes == 0 || !vram.options.present || bytes > vram.limit_bytes) return;
  auto placed = vram.arena->place(bytes);
  assert(placed);
  scratch_ = placed->range;
  vram.lasting_bytes += bytes;
}

std::uint64_t residency::scratch_bytes(tier where) const {
  return where == tier::vram ? round_up(options_.scratch_bytes, at(where).options.footprint_align_bytes()) : 0;
}

void residency::take_commands(std::vector<command>& into) {
  into.insert(into.end(), std::make_move_iterator(commands_.begin()), std::make_move_iterator(commands_.end()));
  commands_.clear();
}

residency::load* residency::find_load(tensor_id id) {
  auto const found = loads_.find(static_cast<std::uint32_t>(id));
  return found == loads_.end() ? nullptr : &found->second;
}

bool residency::wants_copy(tensor_id id) const {
  auto const found = loads_.find(static_cast<std::uint32_t>(id));
  return found != loads_.end() && !found->second.failed;
}

std::optional<fence> residency::ready(tensor_id id) const {
  fence const copied = rest_of(id, tier::vram).ready;
  return slot_of(id, tier::vram).copying && !fences_.has_passed(copied) ? std::optional(copied) : std::nullopt;
}

bool residency::resizing(tier where) const {
  tier_state const& one = at(where);
  return one.remap && (!one.remap_for || one.limit_bytes > one.target_bytes);
}

tier_statistics residency::stats_of(tier where) const {
  tier_state const& one = at(where);
  tier_statistics stats;
  stats.present = one.options.present;
  stats.budget_bytes = one.options.budget_bytes;
  stats.effective_bytes = one.effective_bytes;
  std::uint64_t const committed = one.arena->committed_bytes();
  stats.committed_bytes = committed + one.options.overhead_bytes;
  stats.least_bytes = effective_of(where, 0);
  stats.pending_bytes = pending_bytes(one);
  stats.peak_bytes = one.arena->peak_bytes() + one.options.overhead_bytes;
  stats.peak_allocated_bytes = one.arena->peak_allocated_bytes() + one.options.overhead_bytes;
  stats.last_resorts = one.last_resorts;
  stats.refused_commits = one.refused_commits;
  stats.resident_bytes = one.resident_bytes;
  stats.resident_tensors = one.resident_tensors;
  stats.quarantined_bytes = one.quarantined_bytes;
  stats.evictions_by_reason = one.evictions;
  return stats;
}

statistics residency::stats() const {
  statistics all = counters_;
  all.acquires = all.vram_hits + all.ram_hits + all.disk_reads;
  all.vram = stats_of(tier::vram);
  all.ram = stats_of(tier::ram);
  return all;
}

bool residency::idle() const {
  for (tier where : both_tiers)
    if (at(where).remap || !at(where).waiting.empty()) return false;
  bool const drained = !at(tier::vram).arena->draining() && ram_drains_.empty();
  return drained && loads_.empty() && !settle_asked_ && !fences_.has_questions() && commands_.empty();
}

void residency::check() const {
  for (tier where : both_tiers) {
    tier_state const& one = at(where);
    one.arena->check();
    std::uint64_t lasting_bytes = where == tier::vram ? scratch_.bytes : 0;
    std::uint64_t coming_bytes = 0;
    std::uint64_t pinned_bytes = 0;
    std::uint64_t resident_tensors = 0, held_tensors = 0;
    std::map<std::uint64_t, std::uint32_t> unpinned;
    for (std::size_t i = 0; i < one.slots.size(); ++i) {
      auto const id = static_cast<tensor_id>(i);
      slot const& each = one.slots[i];
      if (lasting(each)) lasting_bytes += footprint(id, where);
      if (coming(each)) coming_bytes += footprint(id, where);
      if (held(each)) ++held_tensors;
      if (each.pinned) pinned_bytes += footprint(id, where);
      if (!each.pinned) ++unpinned[footprint(id, where)];
      if (each.state == slot_state::resident && footprint(id, where) > 0) ++resident_tensors;
      assert(each.state != slot_state::loading || loads_.contains(static_cast<std::uint32_t>(id)));
      assert(each.state != slot_state::resident || each.range.bytes == footprint(id, where));
      assert(each.range.bytes == 0 || one.lying.at(each.range.offset).id == id);
      assert(!each.ahead || (where == tier::vram && each.uses == 0 && each.state != slot_state::absent));
    }
    assert(lasting_bytes == one.lasting_bytes && coming_bytes == one.coming_bytes && pinned_bytes == one.pinned_bytes);
    assert(resident_tensors == one.resident_tensors && held_tensors == one.held_tensors && unpinned == one.unpinned);
    assert(one.lying.size() - one.rings ==
           static_cast<std::size_t>(
               std::count_if(one.slots.begin(), one.slots.end(), [](slot const& s) { return s.range.bytes > 0; })));
    assert(one.arena->committed_bytes() <= one.limit_bytes);
    bool const there = one.options.present || one.reserve_bytes > 0;
    assert(!there || one.limit_bytes + one.options.overhead_bytes <= one.effective_bytes);
    (void)there;
    (void)lasting_bytes, (void)coming_bytes, (void)pinned_bytes, (void)resident_tensors, (void)held_tensors;
  }
  std::uint64_t ahead_bytes = 0;
  for (tensor_id id : ahead_) {
    assert(slot_of(id, tier::vram).ahead);
    ahead_bytes += footprint(id, tier::vram);
  }
  assert(ahead_bytes == ahead_bytes_);
  (void)ahead_bytes;
}

}  // namespace tierpager
