// The memory of one tier: its arena, and the commits and decommits under way that bring it to what the budget says. Decisions
// take memory as there once it is asked for at open. Not thread-safe: called under the pager's lock. Evicts nothing, and knows
// no loads but the one that a remap under way serves.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>

#include <core/memory/tier_arena.hpp>
#include <core/residency/command_list.hpp>
#include <core/residency/eviction_order.hpp>
#include <core/residency/plan_cursor.hpp>
#include <core/residency/tier_budget.hpp>
#include <tierpager/error.hpp>

namespace tierpager {

/// A piece that is still being committed. It counts as committed; loads placed in it wait until `use` ends.
struct coming_memory {
  byte_range range;
  fence use;
  bool last;  // the last piece that this use covers
};

class tier_memory {
 public:
  /// All outlive it.
  tier_memory(tier where, tier_budget& budget, eviction_order& order, plan_cursor& cursor, command_list& commands);

  [[nodiscard]] tier_arena& arena() { return arena_; }
  [[nodiscard]] tier_arena const& arena() const { return arena_; }
  /// Halves the reserved addresses, before anything else happens. False, and nothing changed, where less will not do.
  bool reserve_less();

  // Budget ---------------------------------------------------------------------------------------------------------
  /// After the budget, the pins, or what the system gives have changed.
  void retarget();
  void reach_target();
  /// Nothing remains to be committed or given back for the budget.
  [[nodiscard]] bool at_rest() const { return !budget_.lowering() && !grows_; }
  [[nodiscard]] bool grows() const { return grows_; }
  /// Commits what a higher budget allows. `lost`: the device is.
  void grow(bool lost) {
    if (grows_ && !remap_ && !failed_ && !lost) grow_further();
  }
  /// Begins to give free granules back. True where no more than the target is committed.
  bool give_back();
  /// Bytes still committed, or promised, above a lowered budget.
  [[nodiscard]] std::uint64_t pending_bytes(std::uint64_t held_bytes) const;
  /// Memory comes or goes for the budget at this moment.
  [[nodiscard]] bool resizing() const { return remap_ && (!serves_ || budget_.lowering()); }

  // Quarantine: allocated, and no tensor's, until the order of a failed call is proved -------------------------------
  [[nodiscard]] std::uint64_t quarantined_bytes() const { return quarantined_bytes_; }
  void quarantine(byte_range range) { quarantined_bytes_ += range.bytes; }
  void end_quarantine(byte_range range, std::span<fence const> last_uses) {
    quarantined_bytes_ -= range.bytes;
    arena_.free(range, last_uses);
  }

  // Remaps: at most one a tier is under way --------------------------------------------------------------------------
  /// All that the budget allows and the model needs, once, so that nothing is mapped while tensors come and go.
  void commit_at_open();
  /// The same of RAM piece by piece, while the pager works already. `begin_use()`: a use that holds a piece until it has come.
  template <class BeginUse>
  void commit_in_background(BeginUse const& begin_use) {
    for (byte_range const piece : arena_.grow(budget_.target_bytes(), commit_piece_bytes)) {
      fence const use = begin_use();
      arena_.committed(piece);
      arena_.use_last(piece, use);
      background_.push_back({piece, use, true});
    }
    grows_ = false;  // hits need not ask
    commit_next();
  }
  /// Emits the remap for the next piece that is to come in the background, if there is one.
  void commit_next();
  /// The memory of a placement is to be mapped together for that tensor's load.
  void remap_for(tensor_id id, tier_arena::placement placed);
  [[nodiscard]] bool remaps() const { return remap_.has_value(); }
  /// The load that the remap under way is for.
  [[nodiscard]] std::optional<tensor_id> serves() const { return serves_; }
  /// What the answer to a remap leaves to the parts above.
  struct answer {
    std::optional<tensor_id> serves;    // the load that it was for
    bool came = false;                  // all of it
    std::uint64_t refused_bytes = 0;    // that the system had no more of
    std::optional<fence> opened;        // a use that held memory in the background is over
    std::deque<coming_memory> missing;  // will not come in the background
  };
  answer remapped(std::size_t decommits_done, std::size_t commits_done, status const& outcome);
  /// What was to come in the background is no memory after all. Nothing has a place in it any more.
  void do_without(std::deque<coming_memory> const& missing);
  /// After a refused commit for a higher budget: tries again in granules. False where no more than one was refused.
  bool grow_by_granules(std::uint64_t refused_bytes);
  /// The system gave no more memory: the tier makes do with what it has until the budget is set anew, in RAM also until a
  /// request needs more.
  void make_do();
  /// Memory could not be committed or given back: not tried again until something changes.
  void set_failed(bool failed) { failed_ = failed; }
  /// How often memory was mapped together since what is held left no room in one piece.
  [[nodiscard]] std::uint64_t last_resorts() const { return last_resorts_; }
  void count_last_resort() { ++last_resorts_; }

 private:
  static constexpr std::uint64_t commit_piece_bytes = 128U << 20U;  // few calls commit a tier, and none takes long

  void grow_further();
  void start(std::optional<tensor_id> serves, remap_command what);
  answer remapped_in_background(bool came, status const& outcome);
  void count_commits(remap_command const& what, std::size_t commits_done, bool at_open);
  [[nodiscard]] std::uint64_t given_bytes() const {
    return arena_.committed_bytes() + budget_.options().overhead_bytes;
  }

  tier where_;
  tier_budget& budget_;
  eviction_order& order_;
  plan_cursor& cursor_;
  command_list& commands_;
  tier_arena arena_;
  std::uint64_t quarantined_bytes_ = 0;
  std::uint64_t last_resorts_ = 0;
  std::optional<remap_command> remap_;  // under way
  std::optional<tensor_id> serves_;
  byte_range placed_;  // where the load has its place that it serves
  bool failed_ = false;
  bool grows_ = false;                    // there is more to be committed
  bool opens_ = false;                    // what is being committed is all that was asked for at open
  std::deque<coming_memory> background_;  // still to be committed of what was asked for at open, in order
};

}  // namespace tierpager
