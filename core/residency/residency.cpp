#include <core/residency/residency.hpp>

#include <algorithm>
#include <cassert>
#include <utility>

#include <core/residency/state_dump.hpp>

namespace tierpager {
namespace {

// Chunks are whole granules of RAM.
residency_options with_whole_chunks(residency_options options) {
  std::uint64_t const granule = options.ram.granule_bytes;
  options.chunk_bytes = std::max(granule, round_down(options.chunk_bytes, granule));
  return options;
}

}  // namespace

residency::residency(catalog const& tensors, residency_options const& options,
                     std::unique_ptr<eviction_policy> vram_policy, std::unique_ptr<eviction_policy> ram_policy)
    : ledger_(tensors, with_whole_chunks(options), std::move(vram_policy), std::move(ram_policy)),
      open_{options.vram.present, options.ram.present},
      reservations_(ledger_),
      evictor_(ledger_),
      search_(ledger_, evictor_, reservations_),
      rooms_(ledger_, evictor_, search_, reservations_),
      admission_(ledger_, evictor_, search_, rooms_, reservations_),
      prefetcher_(ledger_, evictor_, reservations_, admission_) {
  ledger_.memory.vram.commit_at_open();
  if (options.ram.can_remap)
    loads().commit_in_background();
  else
    ledger_.memory.ram.commit_at_open();
  place_scratch();
}

void residency::place_scratch() {
  tier_budget const& budget = ledger_.budget.vram;
  std::uint64_t const bytes = budget.scratch_bytes();
  if (bytes == 0 || !budget.options().present || bytes > budget.limit_bytes()) return;
  auto const placed = ledger_.memory.vram.arena().place(bytes);
  assert(placed);
  ledger_.scratch = placed->range;
  ledger_.slots.add_scratch(bytes);
}

void residency::take_commands(std::vector<command>& into) { ledger_.commands.take(into); }

// Requests -------------------------------------------------------------------------------------------------------------

slot const* residency::try_hit(tensor_id id, tier where, owner_id owner) {
  if (!open_[where] || index_of(id) >= ledger_.slots.size()) return nullptr;
  slot const& tensor = ledger_.slots.at(id, where);
  if (tensor.state != slot_state::resident || !admission_.may_pass(where, owner)) return nullptr;
  bool const more = !lasting(tensor);  // what is resident is held as long as it lasts
  std::uint64_t const held_bytes = ledger_.slots.sum(where).held_bytes() + ledger_.memory[where].quarantined_bytes();
  if (more && held_bytes + tensor.footprint_bytes > ledger_.budget[where].target_bytes()) return nullptr;
  if (more && where == tier::vram && reservations_.any_awaited()) return nullptr;  // maybe of this one's granules
  if (where == tier::vram) prefetcher_.acquired(std::span(&id, 1));
  ++(where == tier::vram ? ledger_.counts.vram_hits : ledger_.counts.ram_hits);
  admission_.begin_use(id, where, owner);
  if (tensor.copying && !ready(id)) ledger_.slots.copy_passed(id);
  go_on_after_hit(where);
  return &tensor;
}

void residency::go_on_after_hit(tier where) {
  if (!admission_.none_waiting(where)) [[unlikely]]
    pump();  // another request of the same owner may not wait for this one
  if (where != tier::vram || !ledger_.cursor.enabled()) return;
  if (ledger_.cursor.plan() != nullptr) {
    prefetcher_.run_ahead();
    pump();
  }
  prefetcher_.ask_for_plan();
}

result<residency::acquired> residency::acquire(std::span<tensor_id const> ids, tier where, owner_id owner) {
  if (ids.size() == 1 && try_hit(ids.front(), where, owner) != nullptr)
    return acquired{.granted = true, .request = request_id{}};
  if (status const sound = admission_.accepts(ids, where); !sound.ok()) return sound.error();
  bool const may_pass = admission_.may_pass(where, owner);
  if (may_pass && admission_.may_use_now(ids, where)) {
    if (where == tier::vram) prefetcher_.acquired(ids);
    admission_.use_now(ids, where, owner);
    go_on_after_hit(where);
    return acquired{.granted = true, .request = request_id{}};
  }
  request asked{.ids = {ids.begin(), ids.end()}, .where = where, .owner = owner};
  status fine = admission_.may_wait(asked);
  bool const refused = where == tier::ram && ledger_.budget.ram.is_refused();
  if (!fine.ok() && fine.error().code != errc::budget_too_small && refused) {  // then the system is asked once more
    ledger_.budget.ram.forget_refusal();
    ledger_.memory.ram.retarget();
    fine = admission_.may_wait(asked);
  }
  if (!fine.ok()) return fine.error();
  if (where == tier::vram) prefetcher_.acquired(ids);
  ledger_.cursor.await_plan(where == tier::vram && ledger_.cursor.plan_wanted());
  request_id const id = admission_.add(std::move(asked), may_pass);
  loads().settle_if_needed();
  if (where == tier::vram) prefetcher_.run_ahead();
  pump_and_plan();
  return acquired{.granted = false, .request = id};
}

result<bool> residency::try_acquire(std::span<tensor_id const> ids, tier where, owner_id owner) {
  if (ids.size() == 1 && try_hit(ids.front(), where, owner) != nullptr) return true;
  if (status const fine = admission_.accepts(ids, where); !fine.ok()) return fine.error();
  if (!admission_.all_resident(ids, where)) {
    status const fine = admission_.fits_ever(ids, where);
    if (!fine.ok() && fine.error().code != errc::out_of_memory) return fine.error();
    return false;
  }
  if (!admission_.may_pass(where, owner) || !admission_.may_use_now(ids, where)) return false;
  if (where == tier::vram) prefetcher_.acquired(ids);
  admission_.use_now(ids, where, owner);
  go_on_after_hit(where);
  return true;
}

void residency::cancel(request_id id, failure const& why) {
  admission_.reject(id, why);
  pump();
}

void residency::prefetch(std::span<tensor_id const> ids) {
  prefetcher_.prefetch(ids);
  pump();
}

void residency::use_ended(tensor_id id, tier where) {
  if (where == tier::vram) prefetcher_.released(id);
  pump();
}

void residency::release(tensor_id id, tier where, owner_id owner, std::optional<fence> last_use) {
  if (last_use && where == tier::vram) {
    ledger_.fences.used(*last_use, !loads().loads().all().empty());
    ledger_.slots.add_last_use(id, *last_use, ledger_.fences);
  }
  admission_.end_use(id, where, owner);
  use_ended(id, where);
}

void residency::release_unproven(tensor_id id, owner_id owner, std::uint32_t key, failure const& why) {
  admission_.end_unproven_use(id, owner, key, why);
  use_ended(id, tier::vram);
}

void residency::prove(fence recorded, std::uint32_t key) {
  if (admission_.prove(recorded, key)) pump();
}

void residency::stream_retired(fence last) {
  if (ledger_.fences.retired(last) && !ledger_.fences.known_passed(last)) ledger_.commands.watch(last);
}

// Pins and budgets -----------------------------------------------------------------------------------------------------

status residency::pin(std::span<tensor_id const> ids, tier where) {
  if (status fine = admission_.accepts(ids, where); !fine.ok()) return fine;
  tier_budget& budget = ledger_.budget[where];
  std::vector<tensor_id> added;
  for (tensor_id const id : ids) {
    if (pinned(id, where)) continue;
    ledger_.slots.set_pinned(id, where, true);
    added.push_back(id);
  }
  if (status fine = budget.pins_fit(); !fine.ok()) {
    for (tensor_id const id : added) ledger_.slots.set_pinned(id, where, false);
    return fine;
  }
  if (!added.empty()) {
    ledger_.cursor.conditions_changed();
    loads().loads().give_up_waiting_ahead();
  }
  for (tensor_id const id : added) reservations_.fix_if_room(id, where);
  if (where == tier::ram && budget.least_bytes() > budget.system_limit_bytes()) budget.forget_refusal();
  ledger_.memory[where].retarget();
  pump_and_plan();
  return {};
}

void residency::unpin(std::span<tensor_id const> ids, tier where) {
  for (tensor_id const id : ids) {
    if (index_of(id) >= ledger_.tensors.size() || !pinned(id, where)) continue;
    ledger_.slots.set_pinned(id, where, false);
    ledger_.slots.set_fixed(id, where, false);
    ledger_.cursor.conditions_changed();
  }
  if (ledger_.options.overcommit_pins) ledger_.memory[where].retarget();
  pump_and_plan();
}

status residency::set_budget(tier where, std::uint64_t bytes) {
  tier_budget& budget = ledger_.budget[where];
  if (!budget.options().present)
    return failure{.code = errc::invalid_argument,
                   .what = "this pager has no " + std::string(name_of(where)) + " tier"};
  if (!budget.options().can_remap)
    return failure{.code = errc::unsupported,
                   .what = "the " + std::string(name_of(where)) +
                           " budget cannot change: this device cannot give memory back piece by piece"};
  std::uint64_t const before = budget.options().budget_bytes;
  budget.ask_for(bytes);
  if (status fine = budget.pins_fit(); !fine.ok()) return budget.ask_for(before), fine;
  budget.forget_refusal();
  ledger_.memory[where].retarget();
  pump_and_plan();
  return {};
}

void residency::set_order(std::unique_ptr<access_cycle> order) {
  prefetcher_.set_order(std::move(order));
  pump_and_plan();
}

// Answers --------------------------------------------------------------------------------------------------------------

void residency::read_done(tensor_id id, std::uint32_t chunk, status const& outcome) {
  loads().read_done(id, chunk, outcome);
  pump();
}

void residency::copy_queued(tensor_id id, std::uint32_t chunk, fence done) {
  loads().copy_queued(id, chunk, done);
  pump();
}

void residency::copy_failed(tensor_id id, std::uint32_t chunk, failure const& why, bool maybe_queued) {
  loads().copy_failed(id, chunk, why, maybe_queued);
  pump();
}

void residency::remapped(tier where, std::size_t decommits_done, std::size_t commits_done, status const& outcome) {
  loads().remapped(where, decommits_done, commits_done, outcome);
  pump();
}

void residency::passed(fence which) {
  ledger_.fences.passed(which);
  ledger_.memory.vram.arena().passed(which);
  loads().loads().fences_passed();
  pump();
}

void residency::running(fence which) {
  ledger_.fences.running(which);
  pump();
}

void residency::query_failed(failure const& why) {
  if (why.code == errc::device_lost) return device_lost(why);
  loads().fail_stalled(why);
  pump();
}

void residency::settled(result<fence> const& outcome) {
  if (!outcome.ok()) {
    loads().loads().left_behind().settle_failed();
    return query_failed(outcome.error());
  }
  loads().settled(*outcome);
  if (ledger_.fences.known_passed(*outcome)) return passed(*outcome);
  pump();
}

void residency::planned(std::uint64_t epoch, std::optional<memory_plan> plan) {
  prefetcher_.adopt(epoch, std::move(plan));
  pump_and_plan();
}

void residency::device_lost(failure const& why) {
  if (ledger_.fences.lost()) return;
  failure lost = why;
  lost.code = errc::device_lost;
  ledger_.fences.device_lost();
  open_ = {false, false};
  admission_.close(lost);
  loads().device_lost(lost);
  pump();
}

void residency::close() {
  open_ = {false, false};
  loads().loads().give_up_waiting_ahead();
  if (!ledger_.fences.lost()) admission_.close({.code = errc::closed, .what = "the pager is closed"});
}

// What can go on -------------------------------------------------------------------------------------------------------

// Everything that became possible, until nothing more is. What is stalled then may be waiting for memory in quarantine, so its
// order is asked for once more; if that fails, the stalled loads fail with it.
void residency::pump_on() {
  go_on();
  auto const awaited = [this] {
    return !admission_.none_waiting(tier::vram) || !admission_.none_waiting(tier::ram) || loads().loads().any_awaited();
  };
  while (awaited() && admission_.nothing_comes()) {
    bool const turns_matter = evictor_.in_step();
    evictor_.set_out_of_turn(true);
    bool const any = (turns_matter && go_on()) || loads().loads().give_up_waiting_ahead();
    evictor_.set_out_of_turn(false);
    if (!any) break;
    go_on();
  }
  loads().settle_if_stalled();
}

bool residency::go_on() {
  bool ever = false;
  while (!nothing_waits()) {
    bool any = loads().stage_waiting();
    any = loads().place_waiting() || any;
    for (tier const where : both_tiers) {
      ledger_.memory[where].grow(ledger_.fences.lost());
      any = rooms_.shrink(where) || any;
    }
    for (tier const where : both_tiers) any = admission_.admit_waiting(where) || any;
    if (!any) return ever;
    ever = true;
  }
  return ever;
}

// Questions ------------------------------------------------------------------------------------------------------------

bool residency::wants_copy(tensor_id id) const {
  load const* const coming = loads().loads().find(id);
  return coming != nullptr && !coming->failed;
}

std::optional<fence> residency::ready(tensor_id id) const {
  fence const copied = ledger_.slots.last_copy(id);
  bool const copying = place(id, tier::vram).copying && !ledger_.fences.has_passed(copied);
  return copying ? std::optional(copied) : std::nullopt;
}

tier_statistics residency::stats_of(tier where) const {
  tier_budget const& budget = ledger_.budget[where];
  tier_memory const& memory = ledger_.memory[where];
  slot_table::sums const& sum = ledger_.slots.sum(where);
  std::uint64_t const overhead = budget.options().overhead_bytes;
  tier_statistics stats;
  stats.present = budget.options().present;
  stats.budget_bytes = budget.options().budget_bytes;
  stats.effective_bytes = budget.effective_bytes();
  stats.committed_bytes = memory.arena().committed_bytes() + overhead;
  stats.least_bytes = budget.effective_of(0);
  stats.pending_bytes = memory.pending_bytes(sum.held_bytes());
  stats.peak_bytes = memory.arena().peak_bytes() + overhead;
  stats.peak_allocated_bytes = memory.arena().peak_allocated_bytes() + overhead;
  stats.last_resorts = memory.last_resorts();
  stats.refused_commits = budget.refused_commits();
  stats.resident_bytes = sum.resident_bytes;
  stats.resident_tensors = sum.resident_tensors;
  stats.quarantined_bytes = memory.quarantined_bytes();
  stats.evictions_by_reason = evictor_.evictions(where);
  return stats;
}

statistics residency::stats() const {
  statistics all = ledger_.counts;
  all.acquires = all.vram_hits + all.ram_hits + all.disk_reads;
  all.vram = stats_of(tier::vram);
  all.ram = stats_of(tier::ram);
  return all;
}

bool residency::idle() const {
  for (tier const where : both_tiers)
    if (ledger_.memory[where].remaps() || !admission_.none_waiting(where)) return false;
  drains const& left_behind = loads().loads().left_behind();
  return !ledger_.memory.vram.arena().draining() && left_behind.nothing_passes() && !left_behind.settling() &&
         loads().loads().all().empty() && !ledger_.fences.has_questions() && !has_commands();
}

std::string residency::dump() const { return state_dump(ledger_, loads().loads(), admission_.book()); }

void residency::check() const {
  ledger_.slots.check(ledger_.scratch.bytes);
  for (tier const where : both_tiers) {
    tier_budget const& budget = ledger_.budget[where];
    ledger_.memory[where].arena().check();
    assert(ledger_.memory[where].arena().committed_bytes() <= budget.limit_bytes());
    bool const exists = budget.options().present || budget.reserve_bytes() > 0;
    assert(!exists || budget.limit_bytes() + budget.options().overhead_bytes <= budget.effective_bytes());
    (void)budget, (void)exists;
    for (std::uint32_t i = 0; i < ledger_.slots.size(); ++i)
      assert(place(tensor_id{i}, where).state != slot_state::loading || loads().loads().find(tensor_id{i}) != nullptr);
  }
}

}  // namespace tierpager
