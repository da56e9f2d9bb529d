// Answers: what the executor reports back, and the pump that every input ends with.
#include <algorithm>
#include <cassert>

#include <core/residency/residency.hpp>

namespace tierpager {

void residency::read_done(tensor_id id, std::uint32_t chunk, status const& outcome) {
  load* one = find_load(id);
  assert(one != nullptr && one->chunks[chunk] == chunk_state::reading);
  --one->reads_out;
  std::uint64_t const bytes = std::min(one->chunk_bytes, tensors_[id].bytes - chunk * one->chunk_bytes);
  if (outcome.ok()) one->bytes_read += bytes;
  if (one->failed) {
    clean_up(id, *one);
  } else if (!outcome.ok()) {
    fail(id, *one, outcome.error());
  } else {
    one->chunks[chunk] = chunk_state::read;
    ++one->read_count;
    queue_copies(id, *one);
    if (one->read_count == one->chunks.size()) ram_complete(id, *one);
  }
  pump();
}

void residency::copy_queued(tensor_id id, std::uint32_t chunk, fence done) {
  load* one = find_load(id);
  assert(one != nullptr && one->chunks[chunk] == chunk_state::copying);
  assert(!one->last_copy || one->last_copy->stream == done.stream);  // all copies go on the one copy stream
  --one->copies_out;
  one->last_copy = std::max(one->last_copy.value_or(done), done);
  one->chunks[chunk] = chunk_state::queued;
  one->bytes_copied += std::min(one->chunk_bytes, tensors_[id].bytes - chunk * one->chunk_bytes);
  if (one->failed) {
    clean_up(id, *one);
  } else if (++one->queued_count == one->chunks.size()) {
    vram_complete(id, *one);
  } else if (one->ring) {
    one->ring_fences[chunk % ring_slots] = done;
    if (fences_.known_passed(done))
      queue_reads(id, *one);
    else
      watch(done);
  }
  pump();
}

void residency::copy_failed(tensor_id id, std::uint32_t chunk, failure const& why, bool maybe_queued) {
  load* one = find_load(id);
  assert(one != nullptr && one->chunks[chunk] == chunk_state::copying);
  (void)chunk;
  --one->copies_out;
  one->tainted = one->tainted || maybe_queued;
  if (one->failed) {
    clean_up(id, *one);
  } else {
    fail(id, *one, why);
  }
  pump();
}

void residency::remapped(tier where, std::size_t decommits_done, std::size_t commits_done, status const& outcome) {
  tier_state& of = at(where);
  assert(of.remap);
  remap_command const done = *std::exchange(of.remap, std::nullopt);
  std::optional<tensor_id> const serves = std::exchange(of.remap_for, std::nullopt);
  bool const at_open = std::exchange(of.opens, false);
  load* const one = serves ? find_load(*serves) : nullptr;
  assert(serves.has_value() == (one != nullptr));
  if (where == tier::ram && !of.opening.empty()) {
    open_further(commits_done == 1, outcome);
    return pump();
  }
  if (one != nullptr && outcome.ok()) {
    of.arena->remap_carried_out(remap_of(*serves, *one, done));
    remap_served(*serves, *one, where);
  } else if (one != nullptr) {
    give_place_back(*serves, *one, done, commits_done);
  } else {
    for (std::size_t i = 0; i < done.commits.size(); ++i) {
      if (at_open && i < commits_done) continue;  // counted then
      if (at_open)
        of.arena->take_back(done.commits[i]);
      else
        i < commits_done ? of.arena->committed(done.commits[i]) : of.arena->commit_failed(done.commits[i]);
    }
  }
  for (byte_range range : std::span(done.decommits).subspan(decommits_done)) of.arena->decommit_failed(range);
  of.arena->count_peak();
  if (outcome.ok()) count_given(where);
  bool const refused =
      !outcome.ok() && outcome.error().code == errc::out_of_memory && decommits_done == done.decommits.size();
  if (one != nullptr && !outcome.ok()) place_refused(*serves, *one, where, outcome.error(), refused);
  if (one == nullptr && refused) grow_by_granules(where, done.commits[commits_done].bytes);
  of.memory_failed = !outcome.ok() && !serves && !refused;
  pump();
}

tier_arena::placement residency::remap_of(tensor_id id, load const& one, remap_command const& what) const {
  return {.range = what.where == tier::vram ? slot_of(id, tier::vram).range : one.stage,
          .decommits = what.decommits,
          .commits = what.commits,
          .after = {}};
}

void residency::remap_served(tensor_id id, load& one, tier where) {
  if (where == tier::ram) {
    one.stage_asked = false;
    await_stage(id, one);
  } else {
    one.place_asked = false;
    one.placed = true;
    queue_copies(id, one);
  }
  if (one.failed) clean_up(id, one);
}

void residency::give_place_back(tensor_id id, load& one, remap_command const& what, std::size_t commits_done) {
  at(what.where).arena->remap_failed(remap_of(id, one, what), commits_done);
  if (what.where == tier::vram) {
    set_range(id, tier::vram, {});
    one.place_asked = false;
  } else {
    (void)unstage(id, one);
  }
}

// Where the system only had no more memory, and what the tier has will do, the load gets a place in that.
void residency::place_refused(tensor_id id, load& one, tier where, failure const& why, bool out_of_memory) {
  if (one.failed) return clean_up(id, one);
  if (!out_of_memory || !make_do(where)) return fail(id, one, why);
  std::vector<tensor_id>& queue = where == tier::vram ? placing_ : staging_;
  queue.insert(queue.begin(), id);
}

// False where its place was another's already.
bool residency::unstage(tensor_id id, load& one) {
  one.stage_asked = false;
  bool const own = leave_stage(id, one);
  stage_over(one);
  one.stage = {};
  one.ring = one.passing = false;
  return own;
}

void residency::passed(fence which) {
  fences_.passed(which);
  at(tier::vram).arena->passed(which);
  end_drains();
  for (auto& [id, one] : loads_)
    if (one.ring) queue_reads(static_cast<tensor_id>(id), one);
  pump();
}

void residency::running(fence which) {
  fences_.running(which);
  pump();
}

void residency::end_drains() {
  while (!ram_drains_.empty() && fences_.known_passed(*ram_drains_.front().until)) {
    fence const use = ram_drains_.front().stage_use;
    ram_drains_.pop_front();
    end_stage_use(use, {});
  }
}

void residency::end_quarantine(records::ram_drain& one) {
  if (one.quarantined.bytes == 0) return;
  at(tier::ram).quarantined_bytes -= one.quarantined.bytes;
  at(tier::ram).arena->free(one.quarantined, {});
  one.quarantined = {};
}

void residency::query_failed(failure const& why) {
  if (why.code == errc::device_lost) return device_lost(why);
  fail_stalled(why);
  pump();
}

// Failed calls -----------------------------------------------------------------------------------------------------

// A fence recorded now on the copy stream lies behind whatever a failed copy call left there.
void residency::settle_if_needed() {
  if (settle_asked_ || lost_) return;
  bool needed = false;
  for (records::quarantine& one : quarantined_vram_) needed = one.settling = true;
  for (records::ram_drain& one : unproved_drains_) needed = one.settling = true;
  if (!needed) return;
  settle_asked_ = true;
  emit(settle_command{});
}

void residency::settled(result<fence> const& outcome) {
  settle_asked_ = false;
  if (!outcome.ok()) {
    for (records::quarantine& one : quarantined_vram_) one.settling = false;
    for (records::ram_drain& one : unproved_drains_) one.settling = false;
    if (outcome.error().code == errc::device_lost) return device_lost(outcome.error());
    fail_stalled(outcome.error());
    pump();
    return;
  }
  fence const until = *outcome;
  tier_state& vram = at(tier::vram);
  std::erase_if(quarantined_vram_, [&](records::quarantine const& one) {
    if (!one.settling) return false;
    vram.quarantined_bytes -= one.range.bytes;
    vram.arena->free(one.range, std::span(&until, 1));
    return true;
  });
  std::erase_if(unproved_drains_, [&](records::ram_drain one) {
    if (!std::exchange(one.settling, false)) return false;
    one.until = until;
    end_quarantine(one);
    ram_drains_.push_back(one);
    return true;
  });
  settle_if_needed();  // for what failed since this fence was asked for
  if (fences_.known_passed(until)) return passed(until);
  watch(until);
  pump();
}

void residency::device_lost(failure const& why) {
  if (lost_) return;
  lost_ = why;
  lost_->code = errc::device_lost;
  fences_.device_lost();
  for (tier where : both_tiers) at(where).open = false;
  reject_all(*lost_);
  std::vector<tensor_id> coming;
  for (auto const& [id, one] : loads_) coming.push_back(static_cast<tensor_id>(id));
  for (tensor_id id : coming)
    if (load* one = find_load(id)) fail(id, *one, *lost_);
  // Nothing runs there any more: what waited for the device waits no longer.
  at(tier::vram).arena->all_passed();
  for (records::quarantine const& one : quarantined_vram_) at(tier::vram).arena->free(one.range, {});
  quarantined_vram_.clear();
  at(tier::vram).quarantined_bytes = 0;
  for (records::ram_drain& one : unproved_drains_) {
    end_quarantine(one);
    one.until = fence{};
    ram_drains_.push_back(one);
  }
  unproved_drains_.clear();
  end_drains();
  pump();
}

void residency::close() {
  closed_ = true;
  for (tier where : both_tiers) at(where).open = false;
  give_up_what_waits();
  reject_all({.code = errc::closed, .what = "the pager is closed"});
}

bool residency::nothing_waits() const {
  return staging_.empty() && placing_.empty() && at(tier::vram).at_rest() && at(tier::ram).at_rest();
}

bool residency::somebody_waits() const {
  auto const asked_for = [this](tensor_id id) { return !loads_.at(static_cast<std::uint32_t>(id)).ahead; };
  bool const in_ram = waiting_stages_ > 0 && std::any_of(loads_.begin(), loads_.end(), [](auto const& each) {
                        return each.second.stage_waits && !each.second.ahead;
                      });
  return in_ram || !at(tier::vram).waiting.empty() || !at(tier::ram).waiting.empty() ||
         std::any_of(staging_.begin(), staging_.end(), asked_for) ||
         std::any_of(placing_.begin(), placing_.end(), asked_for);
}

// No answer is outstanding that could let anything go on: what waits is waiting for its turn, for what was loaded ahead, or
// for callers.
bool residency::nothing_comes() const {
  if (settle_asked_ || fences_.has_questions() || plan_comes_) return false;
  for (tier where : both_tiers)
    if (at(where).remap) return false;
  if (at(tier::vram).arena->draining() || !ram_drains_.empty()) return false;
  return std::all_of(loads_.begin(), loads_.end(),
                     [](auto const& each) { return each.second.reads_out == 0 && each.second.copies_out == 0; });
}

// Everything that became possible, until nothing more is. Free where nothing waits. What is stalled then may be waiting
// for memory in quarantine, so its order is asked for once more; if that fails, the stalled loads fail with it.
void residency::pump_on() {
  go_on();
  while (somebody_waits() && nothing_comes()) {
    bool const turns_matter = in_step();
    out_of_turn_ = true;
    bool const any = (turns_matter && go_on()) || (!ahead_.empty() && give_up_what_waits());
    out_of_turn_ = false;
    if (!any) break;
    go_on();
  }
  bool const waits = !staging_.empty() || !placing_.empty() || waiting_stages_ > 0;
  if (waits && !stalled().empty()) settle_if_needed();
}

bool residency::go_on() {
  bool ever = false;
  auto waits = [&](tier where) {
    return !at(where).waiting.empty() || at(where).limit_bytes > at(where).target_bytes || at(where).grows;
  };
  while (!staging_.empty() || !placing_.empty() || waits(tier::vram) || waits(tier::ram)) {
    bool any = false;
    for (tensor_id id : std::vector(staging_)) {
      if (std::find(staging_.begin(), staging_.end(), id) == staging_.end()) continue;  // given up for another
      load& one = *find_load(id);
      if (one.unwanted())
        drop(id, one);
      else if (!stage(id, one) && one.ahead)
        give_up_ahead(id, one);
      else if (!one.has_stage() && !(one.starved && refuse_starved(id, one))) {
        if (!one.starved && slot_of(id, tier::ram).uses == 0)
          break;  // in order, so that the policy is followed exactly
        continue;
      }
      any = true;
    }
    bool in_order = true;  // which is what loads ahead are placed in, whichever was read first
    for (tensor_id id : std::vector(placing_)) {
      if (std::find(placing_.begin(), placing_.end(), id) == placing_.end()) continue;
      load& one = *find_load(id);
      if ((one.ahead || in_step()) && !in_order) continue;
      bool const goes_first = in_step() ? !one.starved : one.began_ahead || one.staged;
      bool const placed = place(id, one);
      any = any || placed;
      in_order = in_order && (placed || !goes_first);
    }
    for (tier where : both_tiers) {
      grow(where);
      any = shrink(where) || any;
    }
    for (tier where : both_tiers) any = admit_waiting(where) || any;
    if (!any) return ever;
    ever = true;
  }
  return ever;
}

}  // namespace tierpager
