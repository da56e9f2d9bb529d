// The loads under way, the queues in which they wait for room, and the ways in which they end: complete, failed, given up. When a
// load ends, what it took is given back here. Not thread-safe: called under the pager's lock. Begins no
// loads and places none in VRAM: the transfers do.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <unordered_map>
#include <vector>

#include <core/residency/drains.hpp>
#include <core/residency/load.hpp>
#include <core/residency/stages.hpp>
#include <core/residency/waiting_requests.hpp>

namespace tierpager {

class load_table {
 public:
  /// `requests` may be called by whatever ends a load.
  load_table(ledger& of, evictor& victims, victim_search& search, room_maker& rooms, reservations& promised,
             waiting_requests& requests);

  [[nodiscard]] load* find(tensor_id id);
  [[nodiscard]] load const* find(tensor_id id) const { return const_cast<load_table*>(this)->find(id); }
  load& add(tensor_id id) { return loads_[id]; }
  [[nodiscard]] std::unordered_map<tensor_id, load> const& all() const { return loads_; }
  /// Whether an acquire may wait for the load that is under way, or start one.
  [[nodiscard]] bool joinable(tensor_id id, tier where) const;
  /// The load goes to VRAM and has no place there yet.
  [[nodiscard]] bool is_unplaced(tensor_id id, load const& coming) const {
    return coming.to_vram && ledger_.slots.at(id, tier::vram).range.bytes == 0;
  }

  // Queues: what waits for room in RAM, and what waits for room in VRAM; each in order --------------------------------
  [[nodiscard]] std::vector<tensor_id> const& staging() const { return staging_; }
  [[nodiscard]] std::vector<tensor_id> const& placing() const { return placing_; }
  void wait_for_stage(tensor_id id) { enqueue(staging_, id); }
  /// `first`: before all others.
  void wait_for_place(tensor_id id, bool first);
  /// Puts the load before all others that wait for a place in that tier.
  void wait_first(tensor_id id, tier where);
  /// Takes the load out of the queue and the reservations: it has its place in VRAM.
  void placed(tensor_id id);
  /// An acquire wants the tensor: the load is no longer ahead, and queues as loads that were asked for do.
  void ask_for(tensor_id id, load& coming);

  // Stages, reads and copies ---------------------------------------------------------------------------------------
  /// Gives the load a stage, and reads into it once nothing uses it any more. False where there is no room.
  bool stage(tensor_id id, load& coming);
  /// Takes the resident copy in RAM as the stage: nothing is read.
  void stage_resident(tensor_id id, load& coming) { stages_.use_resident(id, coming); }
  /// Memory for the stage has come: the load reads once nothing uses it any more.
  void await_stage(tensor_id id, load& coming);
  /// Memory for the stage will not come: the load has none any more. False where its place was another's already.
  bool unstage(tensor_id id, load& coming);
  /// Loads that wait for a stage at that address or above get a new one: its memory will not come.
  void stage_anew_from(std::uint64_t offset);
  [[nodiscard]] fence begin_stage_use() { return stages_.begin_use(); }
  void end_stage_use(fence use, std::span<fence const> before);
  [[nodiscard]] bool has_room_ahead(tensor_id id) const { return staging_.empty() && stages_.has_room_ahead(id); }
  /// The load only passes through RAM: its place there was given to another tensor.
  [[nodiscard]] bool passes(tensor_id id, load const& coming) const { return stages_.passes(id, coming); }
  void emit_reads(tensor_id id, load& coming);
  void emit_copies(tensor_id id, load& coming);
  /// Stages whose last copy has passed are free.
  void end_drains();
  /// A fence has passed: stages and buffers may be free.
  void fences_passed();

  // Ends: each destroys the load, at once or with the last of its answers ------------------------------------------------
  void ram_complete(tensor_id id, load& coming);
  void vram_complete(tensor_id id, load& coming);
  void fail(tensor_id id, load& coming, failure const& why);
  /// Call with each answer to a failed load; the last one destroys it.
  void clean_up(tensor_id id, load& coming);
  /// Ends a load of which no read has been emitted.
  void drop(tensor_id id, load& coming);
  /// Ends a load ahead that no request waits for and that has no place in VRAM. What is read of it stays in RAM.
  void give_up_ahead(tensor_id id, load& coming);
  /// Gives up every load ahead that waits for a place in VRAM. True where there was one.
  bool give_up_waiting_ahead();

  // Memory that only the device can free ---------------------------------------------------------------------------
  [[nodiscard]] drains& left_behind() { return drains_; }
  [[nodiscard]] drains const& left_behind() const { return drains_; }
  /// Loads that wait for such memory.
  [[nodiscard]] std::vector<tensor_id> waiting_for_stages() const;
  [[nodiscard]] bool any_stage_waits() const { return stages_.any_waiting(); }

  /// A load that an acquire asked for waits for room.
  [[nodiscard]] bool any_awaited() const;
  /// A load for the device waits for RAM that host handles hold.
  [[nodiscard]] bool any_starving() const;
  /// No answer to a read or a copy is outstanding.
  [[nodiscard]] bool none_goes_on() const;

 private:
  void enqueue(std::vector<tensor_id>& queue, tensor_id id);
  void stage_over(tensor_id id, load const& gone);
  void finish(tensor_id id, load& coming);
  void leave_stage(tensor_id id, load const& gone);
  void leave_vram(tensor_id id, load const& gone);
  void give_up_stage(tensor_id id, load& gone);

  ledger& ledger_;
  evictor& evictor_;
  reservations& reservations_;
  waiting_requests& requests_;
  stages stages_;
  drains drains_;
  std::unordered_map<tensor_id, load> loads_;
  std::vector<tensor_id> staging_;
  std::vector<tensor_id> placing_;
};

}  // namespace tierpager
