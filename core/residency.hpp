// The state machine of both tiers: who is resident where, who is used, pinned, waited for, on its way, draining; who
// leaves. Pure: not thread-safe, no clock, no memory but its own. The executor calls it under the pager's lock.
// Inputs are member calls; what must be done about them is appended to the list that take_commands() hands out.
// An answer to a command is another input, never a nested call. Every command with an answer gets exactly one.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <core/command.hpp>
#include <tierpager/catalog.hpp>
#include <tierpager/eviction_policy.hpp>
#include <tierpager/statistics.hpp>

namespace tierpager {

/// Who acquires. A caller that holds handles is never made to wait behind requests that may be waiting for them.
enum class caller_id : std::uint8_t {};

struct tier_options {
  bool present = true;
  std::uint64_t budget_bytes = unlimited_bytes;
  std::uint64_t granule_bytes = 4096;  // every tensor takes a multiple of this
};

struct residency_options {
  tier_options vram, ram;
  std::uint64_t chunk_bytes = 8U << 20U;
  std::uint64_t scratch_bytes = 0;  // at the start of the VRAM arena, for the caller's own use
  bool overcommit_pins = false;
};

class residency {
 public:
  /// `tensors` outlives the core. A policy for each tier that is present. Commands may be waiting at once (scratch).
  residency(catalog const& tensors, residency_options const& options, std::unique_ptr<eviction_policy> vram_policy,
            std::unique_ptr<eviction_policy> ram_policy);
  ~residency();

  /// Address space the tier's arena needs, whatever its budget becomes.
  [[nodiscard]] std::uint64_t reserve_bytes(tier where) const;
  /// Appends the commands emitted since the last call, in order.
  void take_commands(std::vector<command>& into);

  // Requests -------------------------------------------------------------------------------------------------------
  struct acquired {
    bool granted;        // at once: no grant command follows
    request_id request;  // else one of grant or reject follows
  };
  /// Uses every id of the set in `where`, once per occurrence. Fails at once with unknown_tensor, budget_too_small,
  /// invalid_argument (no such tier, empty set), closed, device_lost.
  result<acquired> acquire(std::span<tensor_id const> ids, tier where, caller_id caller);
  /// Grants at once or changes nothing. The same failures.
  result<bool> try_acquire(std::span<tensor_id const> ids, tier where, caller_id caller);
  /// Rejects a request that still waits, with `why`; no effect on one already granted or rejected. Loads go on.
  void cancel(request_id request, failure const& why);
  /// Another use of a tensor in use.
  void share(tensor_id id, tier where, caller_id caller);
  /// Ends one use. `last_use` is a fence behind it; none where no work was queued, or for RAM.
  void release(tensor_id id, tier where, caller_id caller, std::optional<fence> last_use);
  /// Ends one use of VRAM whose fence could not be recorded: not evictable until a later fence on `stream` is released.
  void release_unproven(tensor_id id, caller_id caller, std::uint32_t stream);
  /// Proves the uses that release_unproven left on that stream: the fence was recorded after them.
  void prove(fence recorded);

  // Pins and budgets -----------------------------------------------------------------------------------------------
  /// budget_too_small, and nothing pinned, where the pins would leave no room for the largest unpinned tensor.
  status pin(std::span<tensor_id const> ids, tier where);
  void unpin(std::span<tensor_id const> ids, tier where);
  status set_budget(tier where, std::uint64_t bytes);

  // Answers --------------------------------------------------------------------------------------------------------
  void read_done(tensor_id id, std::uint32_t chunk, status outcome);
  void copy_queued(tensor_id id, std::uint32_t chunk, fence done);
  /// `maybe_queued`: the copy call itself failed, so the copy may run after all.
  void copy_failed(tensor_id id, std::uint32_t chunk, failure why, bool maybe_queued);
  void remapped(tier where, std::size_t decommits_done, std::size_t commits_done, status outcome);
  void passed(fence which);  // and with it every lower sequence of its stream
  /// A watched fence could not be asked about: what waits for room fails now; the watch goes on.
  void query_failed(failure const& why);
  void settled(result<fence> outcome);
  void device_lost(failure const& why);
  /// Rejects every waiting request; later acquires fail with `closed`. Loads under way still want their answers.
  void close();

  // Questions ------------------------------------------------------------------------------------------------------
  [[nodiscard]] bool resident(tensor_id id, tier where) const;
  [[nodiscard]] bool pinned(tensor_id id, tier where) const;
  [[nodiscard]] std::uint32_t uses(tensor_id id, tier where) const;
  [[nodiscard]] std::uint64_t generation(tensor_id id) const;
  /// Where a tensor in use lies.
  [[nodiscard]] std::uint64_t offset(tensor_id id, tier where) const;
  /// The fence to wait for before the tensor's VRAM bytes are right; none once it is known to have passed.
  [[nodiscard]] std::optional<fence> ready(tensor_id id) const;
  [[nodiscard]] byte_range scratch() const;
  [[nodiscard]] statistics stats() const;
  /// No load, remap or watch under way, no request waiting.
  [[nodiscard]] bool idle() const;
  /// Asserts the invariants that tie the tables to each other; linear in the number of tensors. For tests.
  void check() const;

 private:
  struct implementation;
  std::unique_ptr<implementation> self_;
};

}  // namespace tierpager
