// Loads: one tensor's way from the file through RAM to the device, chunk by chunk.
#include <algorithm>
#include <cassert>

#include <core/residency/residency.hpp>

namespace tierpager {

residency::load& residency::start_load(tensor_id id, tier where, bool ahead) {
  load& one = loads_[static_cast<std::uint32_t>(id)];
  slot& ram = slot_of(id, tier::ram);
  one.ahead = ahead;
  one.from_ram = ram.state == slot_state::resident;
  emit(tell_loading_command{id, where, !one.from_ram, ahead});
  if (one.from_ram) {
    assert(where == tier::vram);
    touch(id, tier::ram);
    fix_if_room(id, tier::ram);
    one.stage = ram.range;
    one.stage_use = stage_uses_.begin();
    at(tier::ram).arena->use(one.stage, one.stage_use);
    prepare_chunks(id, one, options_.chunk_bytes, chunk_state::read);
    one.staged = true;
  } else {
    counters_.bytes_from_disk += tensors_[id].bytes;
    enqueue(staging_, id);
    if (staging_.front() == id) (void)stage(id, one);
  }
  if (where == tier::vram) want_vram(id, one);
  return one;
}

void residency::want_vram(tensor_id id, load& one) {
  one.to_vram = true;
  counters_.bytes_to_device += tensors_[id].bytes;
  change(id, tier::vram, [](slot& coming) { coming.state = slot_state::loading; });
  for (tier where : both_tiers) classify(id, where);
  if (one.passing)  // then others wait for its place in RAM
    placing_.insert(placing_.begin(), id);
  else
    enqueue(placing_, id);
}

// In order; without a plan, what is loaded ahead comes after all that is asked for.
void residency::enqueue(std::vector<tensor_id>& queue, tensor_id id) {
  bool const last = find_load(id)->ahead || (in_step() && course_.plan() != nullptr);
  auto const before = std::find_if(queue.begin(), queue.end(), [&](tensor_id each) { return find_load(each)->ahead; });
  queue.insert(last ? queue.end() : before, id);
}

// Somebody wants what was being loaded ahead.
void residency::ask_for(tensor_id id, load& one) {
  if (!std::exchange(one.ahead, false) || (in_step() && course_.plan() != nullptr)) return;
  for (std::vector<tensor_id>* queue : {&staging_, &placing_})
    if (std::erase(*queue, id) > 0) enqueue(*queue, id);
}

void residency::prepare_chunks(tensor_id id, load& one, std::uint64_t chunk_bytes, chunk_state as) {
  one.chunk_bytes = chunk_bytes;
  std::uint64_t const count = (tensors_[id].bytes + chunk_bytes - 1) / chunk_bytes;
  one.chunks.assign(count, as);
  if (as == chunk_state::read) one.read_count = static_cast<std::uint32_t>(count);
}

// Reads ----------------------------------------------------------------------------------------------------------------

void residency::queue_reads(tensor_id id, load& one) {
  if (!one.staged || one.failed) return;
  for (std::uint32_t i = 0; i < one.chunks.size(); ++i) {
    if (one.chunks[i] != chunk_state::waiting) continue;
    if (one.ring && i >= ring_slots) {
      auto const& left = one.ring_fences[i % ring_slots];
      if (one.chunks[i - ring_slots] != chunk_state::queued || !left || !fences_.known_passed(*left)) return;
    }
    std::uint64_t const from = i * one.chunk_bytes;
    std::uint64_t const slot_offset = one.ring ? (i % ring_slots) * one.chunk_bytes : from;
    one.chunks[i] = chunk_state::reading;
    ++one.reads_out;
    emit(read_command{
        id, i, {from, std::min(one.chunk_bytes, tensors_[id].bytes - from)}, one.stage.offset + slot_offset});
  }
}

// A place in VRAM --------------------------------------------------------------------------------------------------

// A load that may still fail to read takes a victim's place only once it is read: as a whole, or, where it passes in a
// ring, as far as the ring reaches. Free room it takes at once, so that reads and copies overlap.
bool residency::may_evict_for(load const& one) const {
  auto const chunks = static_cast<std::uint32_t>(one.chunks.size());
  return one.read_count >= (one.ring ? std::min(ring_slots, chunks) : chunks);
}

bool residency::may_place(tensor_id id, load const& one) const {
  if (!one.staged || one.failed || one.placed || one.place_asked) return false;
  return may_evict_for(one) || planned_range(id) || fits_as_it_is(id, one);
}

// Into a hole, so that nobody need leave.
bool residency::fits_as_it_is(tensor_id id, load const& one) const {
  tier_arena const& arena = *at(tier::vram).arena;
  std::uint64_t const bytes = footprint(id, tier::vram);
  return !one.packed && arena.largest_hole_bytes() >= bytes &&
         arena.allocated_bytes() + bytes <= soft_limit(tier::vram);
}

bool residency::place(tensor_id id, load& one) {
  if (!may_place(id, one)) return false;
  if (in_step() && plan_comes_) return false;  // which says where, and who leaves
  if (auto const own = planned_range(id); own && !one.off_plan) {
    planned_place const found = place_as_planned(id, one, *own);
    if (found != planned_place::elsewhere) return found == planned_place::taken;
    if (one.ahead) return give_up_ahead(id, one), true;
  }
  if (!may_evict_for(one) && !fits_as_it_is(id, one)) return false;
  room made = room::there;
  auto placed = find_place(id, one, made);
  if (placed) {
    placed_at(id, one, std::move(*placed));
    return true;
  }
  if (made == room::none && one.ahead) return give_up_ahead(id, one), true;
  if (made != room::none || may_be_released()) return false;
  bool const refused = at(tier::vram).system_limit_bytes != unlimited_bytes;
  owner_id const asks = one.waiters.empty() ? owner_id::this_thread : requests_.at(one.waiters.front()).owner;
  fail(id, one,
       no_room(refused ? errc::out_of_memory : why_blocked(), "no place in one piece beside what handles hold",
               {.ids = {id}, .where = tier::vram, .owner = asks}));
  return true;
}

void residency::placed_at(tensor_id id, load& one, tier_arena::placement placed) {
  // A pin that lies in others' places stays there, so the plan has to go round it.
  auto const own = planned_range(id);
  if (own && placed.range != *own && slot_of(id, tier::vram).pinned) course_.conditions_changed();
  set_range(id, tier::vram, placed.range);
  ++rest_of(id, tier::vram).generation;
  one.after = std::move(placed.after);
  std::erase(placing_, id);
  one.place_asked = !placed.commits.empty();
  if (one.place_asked) {
    start_remap(tier::vram, id, {tier::vram, std::move(placed.decommits), std::move(placed.commits)});
  } else {
    one.placed = true;
    queue_copies(id, one);
  }
}

// Somebody may still let go of VRAM: a handle whose owner waits for nothing, or lets others release it; a load that goes on;
// an answer. What a request was promised is no handle yet.
bool residency::may_be_released() const {
  if (settle_asked_ || fences_.has_questions() || !quarantined_vram_.empty()) return true;
  bool any = false;
  holders_.each(tier::vram, [&](owner_id owner, tensor_id held, std::uint64_t uses) {
    bool waits = false;
    for (auto const& [id, each] : requests_) {
      if (each.owner != owner) continue;
      waits = true;
      if (each.admitted && each.where == tier::vram)
        uses -= static_cast<std::uint64_t>(std::ranges::count(each.ids, held));
    }
    any = any || (uses > 0 && (!waits || holders_.may_be_released_elsewhere(owner)));
  });
  return any || std::any_of(loads_.begin(), loads_.end(), [](auto const& each) {
           load const& one = each.second;
           return one.placed || one.place_asked || one.stage_asked || one.reads_out > 0;
         });
}

void residency::queue_copies(tensor_id id, load& one) {
  if (!one.placed || one.failed) return;
  std::uint64_t const vram_offset = slot_of(id, tier::vram).range.offset;
  for (std::uint32_t i = 0; i < one.chunks.size(); ++i) {
    if (one.chunks[i] != chunk_state::read) continue;
    std::uint64_t const from = i * one.chunk_bytes;
    std::uint64_t const slot_offset = one.ring ? (i % ring_slots) * one.chunk_bytes : from;
    one.chunks[i] = chunk_state::copying;
    ++one.copies_out;
    emit(copy_command{id, i, std::min(one.chunk_bytes, tensors_[id].bytes - from), one.stage.offset + slot_offset,
                      vram_offset + from, one.after});
  }
}

}  // namespace tierpager
