// What loads were promised of VRAM and have not got yet: the loads without a place, and those ahead of the program, whose places
// the plan names. Says what is left beside that: whether a place is reserved, which evictions are scheduled for it, how many
// bytes and whole granules remain. Not thread-safe: called under the pager's lock. Evicts and places nothing.
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
  /// Whether another tensor belongs in that range that was loaded ahead, or is on its way there.
  [[nodiscard]] bool is_reserved(byte_range range, tensor_id except) const;
  /// What lies in that range, without those whose eviction is scheduled for such a tensor, whether they have left or not.
  [[nodiscard]] std::vector<tensor_id> staying_in(byte_range range) const;
  /// The tensor's place went to a load ahead whose turn is not over: whether it has left already is a matter of time.
  [[nodiscard]] bool gives_way(tensor_id id) const;

  // Room -----------------------------------------------------------------------------------------------------------
  /// VRAM in use once all that was asked for or is ahead has come, and all that leaves for it has left.
  [[nodiscard]] std::uint64_t bytes_once_all_came() const;
  /// VRAM that is held or quarantined, or that loads ahead have taken.
  [[nodiscard]] std::uint64_t promised_bytes() const;
  /// Whether enough whole granules are left, beside those that what is held touches, to map places together for the set and for
  /// all that has none yet: what is held may lie so that no hole is large enough, whatever leaves.
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
  /// The first so many, in the order in which they came, are free behind these uses.
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
