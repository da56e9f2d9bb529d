// VRAM that is promised to loads and not taken yet. Each load without a place has a reservation; where the plan names its place,
// that is reserved too, and what lies there is scheduled to be evicted. Says what is left beside that, in places, bytes and
// granules. Not thread-safe: called under the pager's lock. Evicts and places nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include <core/residency/ledger.hpp>

namespace tierpager {

/// A load that has no place in VRAM yet.
struct reservation {
  tensor_id id;
  bool ahead;           // no acquire has asked for it yet
  bool failed = false;  // nobody waits for it, but what it would have taken is kept until it is over
  [[nodiscard]] bool awaited() const { return !ahead && !failed; }
};

class reservations {
 public:
  explicit reservations(ledger& of) : ledger_(of) {}

  // Loads without a place ------------------------------------------------------------------------------------------
  void add(reservation load);
  /// It has a place, or needs none any more.
  void remove(tensor_id id);
  void set_asked_for(tensor_id id);
  void set_failed(tensor_id id, bool failed);
  [[nodiscard]] std::span<reservation const> unplaced() const { return unplaced_; }
  /// Whether an acquire waits for one of them.
  [[nodiscard]] bool any_awaited() const { return awaited_ > 0; }

  // Planned places -------------------------------------------------------------------------------------------------
  /// Where the plan in force has the tensor in that tier.
  [[nodiscard]] std::optional<byte_range> planned_range(tensor_id id, tier where = tier::vram) const {
    auto const offset = ledger_.cursor.planned_offset(id, where);
    return offset ? std::optional(byte_range{*offset, ledger_.slots.footprint(id, where)}) : std::nullopt;
  }
  /// Whether the range overlaps the planned place of another tensor that was loaded ahead, or is on its way to VRAM.
  [[nodiscard]] bool is_reserved(byte_range range, tensor_id except) const;
  /// The tensors that lie in the range, except those that are scheduled to leave for a load ahead.
  [[nodiscard]] std::vector<tensor_id> staying_in(byte_range range) const;
  /// The tensor is to leave, or has left, for a load ahead that is not used yet or still in use. It counts as gone.
  [[nodiscard]] bool gives_way(tensor_id id) const;

  // Room -----------------------------------------------------------------------------------------------------------
  /// Bytes of VRAM that will be taken once all current loads have come and their victims have left.
  [[nodiscard]] std::uint64_t bytes_once_all_came() const;
  /// VRAM that is held or quarantined, or that loads ahead have taken.
  [[nodiscard]] std::uint64_t promised_bytes() const;
  /// Whether the last resort would work for the set and for all loads without a place: whether enough granules are left that no held
  /// tensor touches. What is held may cut the tier so that no hole is large enough.
  [[nodiscard]] bool granules_for(std::span<tensor_id const> ids, tier where) const;
  /// Bytes of the granules in that range that the scratch, or a tensor that counts, touches.
  [[nodiscard]] std::uint64_t granules_touched(tier where, byte_range within,
                                               std::function<bool(tensor_id)> const& counts) const;
  /// A pin that is there becomes immovable, unless its place is promised to a set that is being loaded: then with its next
  /// acquire.
  void fix_if_room(tensor_id id, tier where);

  // Quarantined VRAM: a failed copy may still write there -------------------------------------------------------------
  void quarantine(byte_range range);
  [[nodiscard]] std::span<byte_range const> quarantined() const { return quarantined_; }
  /// Frees the oldest `count` of them, to be used again once `last_uses` have passed.
  void end_quarantine(std::size_t count, std::span<fence const> last_uses);

 private:
  [[nodiscard]] std::vector<reservation>::iterator find(tensor_id id);
  void add_scheduled_evictions(tensor_id load, std::vector<tensor_id>& evictions) const;

  ledger& ledger_;
  std::vector<reservation> unplaced_;
  std::size_t awaited_ = 0;  // of these
  std::vector<byte_range> quarantined_;
};

}  // namespace tierpager
