// Brings tensors from the file into RAM, and from there to VRAM: begins loads, gives each its places when it is its turn, and
// takes the answers to reads, copies and remaps. Not thread-safe: called under the pager's lock. Decides neither what is loaded
// nor who waits for it.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include <core/residency/load_table.hpp>
#include <core/residency/vram_places.hpp>

namespace tierpager {

class transfers {
 public:
  /// `requests` may be called from any call below but the questions.
  transfers(ledger& of, evictor& victims, victim_search& search, room_maker& rooms, reservations& promised,
            waiting_requests& requests);

  [[nodiscard]] load_table& loads() { return loads_; }
  [[nodiscard]] load_table const& loads() const { return loads_; }
  /// Begins a load. The tensor is absent from that tier. `ahead`: no acquire has asked for it.
  load& start(tensor_id id, tier where, bool ahead);
  /// The load is to go on to VRAM.
  void continue_to_vram(tensor_id id, load& coming);

  /// What waits for room gets it, in order, as far as there is any. True where anything changed.
  bool stage_waiting();
  bool place_waiting();
  [[nodiscard]] bool none_waiting_for_room() const { return loads_.staging().empty() && loads_.placing().empty(); }

  // Answers --------------------------------------------------------------------------------------------------------
  void read_done(tensor_id id, std::uint32_t chunk, status const& outcome);
  void copy_queued(tensor_id id, std::uint32_t chunk, fence done);
  /// `maybe_queued`: the copy call itself failed, so the copy may run after all.
  void copy_failed(tensor_id id, std::uint32_t chunk, failure const& why, bool maybe_queued);
  void remapped(tier where, std::size_t decommits_done, std::size_t commits_done, status const& outcome);
  void settled(fence until);
  void device_lost(failure const& why);
  /// Commits RAM while the pager works already.
  void commit_in_background();

  /// Asks for proof of what failed copies left behind: always, or where a load waits for it.
  void settle_if_needed() { loads_.left_behind().settle_if_needed(); }
  void settle_if_stalled();
  /// No proof will come: the loads that wait for it fail.
  void fail_stalled(failure const& why);

 private:
  bool place(tensor_id id, load& coming);
  void placed_at(tensor_id id, load& coming, tier_arena::placement placed);
  [[nodiscard]] bool may_be_released() const;
  void place_came(tensor_id id, load& coming, tier where);
  void place_refused(tensor_id id, load& coming, tier where, failure const& why, bool out_of_memory);
  void do_without(std::deque<coming_memory> const& missing, bool refused);
  [[nodiscard]] std::vector<tensor_id> stalled() const;

  ledger& ledger_;
  evictor& evictor_;
  room_maker& rooms_;
  reservations& reservations_;
  waiting_requests& requests_;
  load_table loads_;
  vram_places vram_places_;
};

}  // namespace tierpager
