// Finds a place in VRAM for a load: where the plan has it, else a hole, else the cheapest window, else whole granules mapped
// together. What has to leave for it is evicted; what a stream may still use is asked about first. Not thread-safe: called under
// the pager's lock. Starts no copies.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include <core/residency/load.hpp>
#include <core/residency/room_maker.hpp>

namespace tierpager {

class vram_places {
 public:
  vram_places(ledger& of, evictor& victims, victim_search& search, room_maker& rooms, reservations& promised)
      : ledger_(of), evictor_(victims), search_(search), rooms_(rooms), reservations_(promised) {}

  /// Whether it is the load's turn to be placed. One that may still fail to read takes a victim's place only once it is read;
  /// free room it takes at once, so that reads and copies overlap.
  [[nodiscard]] bool may_place(tensor_id id, load const& coming) const;

  struct planned_place {
    std::optional<tier_arena::placement> placed;
    bool elsewhere = false;  // its own place is not to be had; else it may be later
  };
  /// Where the plan has it. What lies there leaves, unless it may not.
  planned_place place_as_planned(load const& coming, byte_range own);
  /// Anywhere. `made`: whether there may be a place later. `may_be_released`: VRAM may still be let go of.
  std::optional<tier_arena::placement> place(tensor_id id, load& coming, room& made,
                                             std::function<bool()> const& may_be_released);

 private:
  [[nodiscard]] bool fits_as_it_is(tensor_id id, load const& coming) const;
  tier_arena::placement evict_and_place(byte_range window);
  std::optional<tier_arena::placement> place_without_unused_pins(std::uint64_t bytes, room& made);

  ledger& ledger_;
  evictor& evictor_;
  victim_search& search_;
  room_maker& rooms_;
  reservations& reservations_;
};

}  // namespace tierpager
