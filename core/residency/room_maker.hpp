// Makes room in a tier by the rarer ways: for pins beyond the budget, for a lower budget, and as the last resort, by mapping
// whole granules from elsewhere together. Evicts through the evictor. Not thread-safe: called under the pager's lock.
#pragma once

#include <cstdint>
#include <optional>

#include <core/residency/victim_search.hpp>

namespace tierpager {

/// Whether there is room for a load, or there may be once streams are done with what has left.
enum class room : std::uint8_t { there, draining, none };

class room_maker {
 public:
  room_maker(ledger& of, evictor& victims, victim_search& search, reservations& promised)
      : ledger_(of), evictor_(victims), search_(search), reservations_(promised) {}

  /// Evicts in the order of eviction until so many bytes more fit; pins only where these exceed what binds. For a load ahead
  /// nothing leaves that is at home here or was loaded ahead too.
  room make_room(tier where, std::uint64_t bytes, bool for_ahead);
  /// The last resort. `made`: whether there may be a place later; left as it is where the tier cannot remap.
  std::optional<tier_arena::placement> place_by_remap(tier where, std::uint64_t bytes, room& made);
  /// Moves a tier towards a lower budget: evicts, gives free granules back. True where the new budget came to bind.
  bool shrink(tier where) { return ledger_.budget[where].lowering() && shrink_further(where); }
  /// The system gave no more memory. True where everything that may not leave fits into what the tier has, so that no more need
  /// be asked for.
  bool make_do(tier where);
  /// The answer to a commit for a higher budget: the system refused so much of it.
  void commit_refused(tier where, std::uint64_t refused_bytes) {
    if (!ledger_.memory[where].grow_by_granules(refused_bytes)) (void)make_do(where);
  }

 private:
  bool shrink_further(tier where);
  void evict_above_target(tier where);

  ledger& ledger_;
  evictor& evictor_;
  victim_search& search_;
  reservations& reservations_;
};

}  // namespace tierpager
