// Lets tensors leave a tier: frees their memory behind their last uses, keeps the order of eviction and the counts. Says which
// tensors may leave, and is told of each use. Not thread-safe: called under the pager's lock. Which of them are to leave, the
// callers decide.
#pragma once

#include <cstdint>

#include <core/residency/ledger.hpp>

namespace tierpager {

class evictor {
 public:
  explicit evictor(ledger& of) : ledger_(of) {}

  /// All work is on one stream and nothing is out of turn, so that what is loaded and evicted follows from the program's calls
  /// alone, not from when loads end.
  [[nodiscard]] bool in_step() const { return ledger_.cursor.enabled() && !ledger_.fences.several() && !out_of_turn_; }
  /// Nothing else could go on: loads may be placed, and victims chosen, in another order than that of the calls.
  void set_out_of_turn(bool out_of_turn) { out_of_turn_ = out_of_turn; }

  /// It is in the tier, and neither held nor on its way there. In RAM what is on its way may leave, since it passes through,
  /// unless memory for it is being mapped.
  [[nodiscard]] bool evictable(tensor_id id, tier where) const;
  /// All of them may leave for a tensor that belongs where they are. What was loaded ahead stays, whether it has come or not.
  [[nodiscard]] bool may_all_leave(std::span<tensor_id const> ids) const;

  void evict(tensor_id id, tier where, eviction_reason why);
  /// The same, also for a pin that no handle holds; with a pin `room` counts as fragmentation.
  void evict_even_pinned(tensor_id id, tier where, eviction_reason why);
  /// Everything in that range of RAM leaves, whether it has been read or not; a buffer is free once its load is over.
  void clear_ram(byte_range range, eviction_reason why);
  void free_buffer(byte_range range);
  void free_buffers();
  /// Why a tensor leaves RAM: its copy there was one too many, or else as given.
  [[nodiscard]] eviction_reason why_from_ram(tensor_id id, eviction_reason otherwise) const;
  [[nodiscard]] std::array<std::uint64_t, eviction_reasons> const& evictions(tier where) const {
    return evictions_[where];
  }

  /// It is used: its rank in the order of eviction changes.
  void touch(tensor_id id, tier where);
  /// Puts it among the first victims, or takes it out from there: after its state, or the plan, has changed.
  void classify(tensor_id id, tier where);
  /// A resident that the plan has elsewhere in this tier leaves if it may: there it would be in the way of others for many
  /// passes. It comes where it belongs with its next use.
  void evict_misplaced(tensor_id id, tier where);

 private:
  ledger& ledger_;
  bool out_of_turn_ = false;
  by_tier<std::array<std::uint64_t, eviction_reasons>> evictions_{};
};

}  // namespace tierpager
