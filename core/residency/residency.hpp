// The state machine of both tiers: takes what callers ask for and what the executor answers, hands each to the part whose business
// it is, and retries everything that waits. Inputs are member calls; what must be done about them is appended to the list that
// take_commands() hands out. An answer to a command is another input, never a nested call; every command with an answer gets
// exactly one. Pure: not thread-safe, no clock, no memory but its own. The executor calls it under the pager's lock.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <core/residency/admission.hpp>
#include <core/residency/command.hpp>
#include <core/residency/evictor.hpp>
#include <core/residency/ledger.hpp>
#include <core/residency/prefetcher.hpp>
#include <core/residency/reservations.hpp>
#include <core/residency/residency_options.hpp>
#include <core/residency/room_maker.hpp>
#include <core/residency/victim_search.hpp>
#include <tierpager/catalog.hpp>
#include <tierpager/eviction_policy.hpp>
#include <tierpager/statistics.hpp>

namespace tierpager {

class residency {
 public:
  /// `tensors` outlives the core. A policy for each tier; a tier that is not present never asks its own.
  residency(catalog const& tensors, residency_options const& options, std::unique_ptr<eviction_policy> vram_policy,
            std::unique_ptr<eviction_policy> ram_policy);

  /// Address space that the tier's arena needs, whatever its budget becomes.
  [[nodiscard]] std::uint64_t reserve_bytes(tier where) const { return ledger_.budget[where].reserve_bytes(); }
  /// Halves it, before any other input. False, and nothing changed, where the arena cannot work with less.
  bool reserve_less(tier where) { return ledger_.memory[where].reserve_less(); }
  [[nodiscard]] bool has_commands() const { return !ledger_.commands.empty(); }
  /// Appends the commands emitted since the last call, in order.
  void take_commands(std::vector<command>& into);

  // Requests -------------------------------------------------------------------------------------------------------
  struct acquired {
    bool granted;        // at once: no grant command follows
    request_id request;  // else one of grant or reject follows
  };
  /// Uses every id of the set in `where`, once per occurrence. Fails at once with unknown_tensor, budget_too_small,
  /// invalid_argument (no such tier, empty set), closed, device_lost, would_deadlock.
  result<acquired> acquire(std::span<tensor_id const> ids, tier where, owner_id owner);
  /// True: granted. False: it would have to wait, and nothing has changed. The same failures.
  result<bool> try_acquire(std::span<tensor_id const> ids, tier where, owner_id owner);
  /// The same for one tensor. Its slot, valid until the next call; null where it is not granted or is an error: `acquire` says
  /// why.
  slot const* try_hit(tensor_id id, tier where, owner_id owner);
  /// Rejects a request that still waits, with `why`; no effect on one already granted or rejected. Loads go on.
  void cancel(request_id id, failure const& why);
  /// Why it still waits, for the error of a deadline: `timed_out`, with the tensor that finds no room and who holds what.
  [[nodiscard]] failure overdue(request_id id) const { return admission_.overdue(id); }
  /// Another use of a tensor in use.
  void share(tensor_id id, tier where, owner_id owner) { admission_.share(id, where, owner); }
  /// Loads what is absent into VRAM, after everything that is asked for, and only into room that neither a use nor the
  /// plan nor another load ahead needs; the rest of the set is passed over. Unknown ids are ignored.
  void prefetch(std::span<tensor_id const> ids);
  /// Ends one use. `last_use` is a fence behind it; none where no work was queued, or for RAM.
  void release(tensor_id id, tier where, owner_id owner, std::optional<fence> last_use);
  /// A handle was released by another thread than its owner. From now on the owner's acquires wait instead of failing with
  /// would_deadlock, as others may release its handles.
  void released_elsewhere(owner_id owner) { admission_.released_elsewhere(owner); }
  /// Ends one use of VRAM for which no fence could be recorded (`why`). The tensor is not evicted until `prove` is called with the
  /// same key, a number of the caller's.
  void release_unproven(tensor_id id, owner_id owner, std::uint32_t key, failure const& why);
  /// All unproven uses with that key are over once this fence has passed.
  void prove(fence recorded, std::uint32_t key);
  /// All work of that stream lies before this fence. Later releases on the stream count as over with it too.
  void stream_retired(fence last);

  // Pins and budgets -----------------------------------------------------------------------------------------------
  /// budget_too_small, and nothing pinned, where the pins would leave no room for the largest unpinned tensor.
  status pin(std::span<tensor_id const> ids, tier where);
  void unpin(std::span<tensor_id const> ids, tier where);
  status set_budget(tier where, std::uint64_t bytes);

  // Order and plan -------------------------------------------------------------------------------------------------
  /// How the caller will acquire, cycle for cycle; null: to be learned. No effect where the policy is exact.
  void set_order(std::unique_ptr<access_cycle> order);
  /// The plan in force; null: the policy decides.
  [[nodiscard]] memory_plan const* plan() const { return ledger_.cursor.plan(); }

  // Answers --------------------------------------------------------------------------------------------------------
  void read_done(tensor_id id, std::uint32_t chunk, status const& outcome);
  void copy_queued(tensor_id id, std::uint32_t chunk, fence done);
  /// `maybe_queued`: the copy call itself failed, so the copy may run after all.
  void copy_failed(tensor_id id, std::uint32_t chunk, failure const& why, bool maybe_queued);
  void remapped(tier where, std::size_t decommits_done, std::size_t commits_done, status const& outcome);
  void passed(fence which);   // and with it every lower sequence of its stream
  void running(fence which);  // asked about, and not passed yet
  /// A watched fence could not be asked about: what waits for room fails now; the watch goes on.
  void query_failed(failure const& why);
  void settled(result<fence> const& outcome);
  /// The answer to plan_command: the plan made for the question of that epoch; none where no plan helps or none could be
  /// made. Has no effect where the order, a budget or a pin has changed since: then another plan is asked for.
  void planned(std::uint64_t epoch, std::optional<memory_plan> plan);
  void device_lost(failure const& why);
  /// Rejects every waiting request; later acquires fail with `closed`. Loads under way still want their answers.
  void close();

  // Questions ------------------------------------------------------------------------------------------------------
  [[nodiscard]] bool resident(tensor_id id, tier where) const { return place(id, where).state == slot_state::resident; }
  [[nodiscard]] bool pinned(tensor_id id, tier where) const { return place(id, where).pinned; }
  [[nodiscard]] std::uint32_t uses(tensor_id id, tier where) const { return place(id, where).uses; }
  [[nodiscard]] std::uint64_t generation(tensor_id id) const { return ledger_.slots.generation(id); }
  /// Where a tensor in use lies, and how large it is.
  [[nodiscard]] slot const& place(tensor_id id, tier where) const { return ledger_.slots.at(id, where); }
  /// Whether a copy command is still to be carried out. False once its load has failed: the wait queued for an earlier copy may be
  /// missing, so this copy would be unsafe. Answer with copy_failed then.
  [[nodiscard]] bool wants_copy(tensor_id id) const;
  /// The fence to wait for before the tensor's VRAM bytes are right; none once it is known to have passed. A lost
  /// device's fences do not pass: waiting for one says so.
  [[nodiscard]] std::optional<fence> ready(tensor_id id) const;
  [[nodiscard]] byte_range scratch() const { return ledger_.scratch; }
  [[nodiscard]] statistics stats() const;
  /// The least budget for its pins and any one tensor.
  [[nodiscard]] std::uint64_t least_bytes(tier where) const { return ledger_.budget[where].least_bytes(); }
  /// Memory comes or goes for the tier's budget at this moment.
  [[nodiscard]] bool resizing(tier where) const { return ledger_.memory[where].resizing(); }
  /// No load, remap, watch or settling under way, no request waiting.
  [[nodiscard]] bool idle() const;
  /// Asserts the invariants that tie the parts to each other; linear in the number of tensors. For tests.
  void check() const;
  /// All of the state as text, for a debugger.
  [[nodiscard]] std::string dump() const;

 private:
  void place_scratch();
  [[nodiscard]] tier_statistics stats_of(tier where) const;
  void go_on_after_hit(tier where);
  void use_ended(tensor_id id, tier where);

  // What can go on: every input ends with it.
  [[nodiscard]] bool nothing_waits() const {
    return loads().none_waiting_for_room() && at_rest(tier::vram) && at_rest(tier::ram);
  }
  [[nodiscard]] bool at_rest(tier where) const {
    return admission_.none_waiting(where) && ledger_.memory[where].at_rest();
  }
  void pump() {
    if (!nothing_waits()) [[unlikely]]
      pump_on();
  }
  void pump_on();
  bool go_on();
  void pump_and_plan() {
    pump();
    prefetcher_.ask_for_plan();
  }

  [[nodiscard]] transfers& loads() { return admission_.loads(); }
  [[nodiscard]] transfers const& loads() const { return admission_.loads(); }

  ledger ledger_;
  by_tier<bool> open_;  // present, and neither closed nor lost
  reservations reservations_;
  evictor evictor_;
  victim_search search_;
  room_maker rooms_;
  admission admission_;
  prefetcher prefetcher_;
};

}  // namespace tierpager
