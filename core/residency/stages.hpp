// Stages: the places in RAM through which loads pass, or where tensors stay. A stage is chosen, and what leaves for it, when the
// load begins, so that what is in RAM follows from the order of the loads alone, not from when reads and copies end. Earlier
// loads may still use the place: then the read waits for them. Not thread-safe: called under the pager's lock.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include <core/residency/load.hpp>
#include <core/residency/room_maker.hpp>
#include <core/residency/stage_uses.hpp>

namespace tierpager {

class stages {
 public:
  stages(ledger& of, evictor& victims, victim_search& search, room_maker& rooms, reservations& promised)
      : ledger_(of), evictor_(victims), search_(search), rooms_(rooms), reservations_(promised) {}

  /// Whether a load ahead can be given a stage without evicting a tensor that is at home in RAM.
  [[nodiscard]] bool has_room_ahead(tensor_id id) const;
  /// Gives the load a stage. False where what is held leaves no room. Sets `starved` where handles alone do, and the load is
  /// neither ahead nor to wait for its turn.
  bool place(tensor_id id, load& coming);
  /// The stage of a load whose tensor is in RAM: nothing is read.
  void use_resident(tensor_id id, load& coming);
  /// True where nothing uses the stage any more. Else the load waits, and `end_use` calls `ready` for it later.
  bool await(tensor_id id, load& coming);
  /// Whether a load waits for its stage.
  [[nodiscard]] bool any_waiting() const { return waiting_ > 0; }
  /// Forgets a load that waits.
  void stop_waiting(load& coming);

  /// Begins a use that stands for memory not committed yet, to be ended with `end_use`. Uses are numbered as fences are.
  [[nodiscard]] fence begin_use() { return uses_.begin(); }
  /// Ends a use. Loads that waited for it wait for `before` instead; `ready(id)` is called for each that waits for nothing more.
  template <class Ready>
  void end_use(fence use, std::span<fence const> before, Ready const& ready) {
    ledger_.memory.ram.arena().passed(use);
    for (tensor_id const id : uses_.end(use))
      if (goes_on(id, use, before)) ready(id);
  }
  /// Nothing of that load touches its stage any more. Where it never has, those behind it wait for what it waited for: these
  /// uses, for `end_use`.
  [[nodiscard]] std::vector<fence> leave_behind(tensor_id id, load const& gone);
  /// What the load has in RAM is no tensor's any more, though copies from it may still run. False where it was not its own.
  bool give_up(tensor_id id, load const& gone);
  /// Whether the load brings the tensor into RAM, as far as is known: not where its place there has gone to another.
  [[nodiscard]] bool stays_in_ram(tensor_id id, load const& coming) const {
    return !coming.in_ram.buffered && !coming.from_ram && !passes(id, coming);
  }
  /// Its place in RAM has gone to another: nothing of it stays there.
  [[nodiscard]] bool passes(tensor_id id, load const& coming) const {
    return coming.in_ram.exists() && !coming.in_ram.buffered && !coming.from_ram &&
           ledger_.slots.at(id, tier::ram).state == slot_state::absent;
  }

 private:
  struct stage_size {
    std::uint64_t bytes;
    std::uint64_t buffer_chunk_bytes;  // zero: the tensor as a whole
  };
  [[nodiscard]] stage_size size_of(tensor_id id) const;
  std::optional<tier_arena::placement> place_as_planned(tensor_id id);
  std::optional<tier_arena::placement> find(tensor_id id, stage_size& size, bool homes_stay);
  void take(tensor_id id, load& coming, tier_arena::placement placed, std::uint64_t buffer_chunk_bytes);
  bool goes_on(tensor_id id, fence use, std::span<fence const> before);

  ledger& ledger_;
  evictor& evictor_;
  victim_search& search_;
  room_maker& rooms_;
  reservations& reservations_;
  stage_uses uses_;
  struct earlier_uses {
    std::vector<fence> uses;
    bool awaited = false;  // else memory for the stage is still being mapped
  };
  std::unordered_map<tensor_id, earlier_uses> after_;  // by tensor: of its load's stage
  std::size_t waiting_ = 0;
};

}  // namespace tierpager
