// One tier's memory as the core sees it: reserved address space of which part is committed, part of that allocated to
// tensors, the rest idle. Decides where a tensor goes and which memory must be committed or given back for it, so that
// the committed bytes never exceed the limit; what fits is a matter of bytes, not of fragmentation. Owns no memory,
// carries nothing out. Not thread-safe: called under the pager's lock. All sizes are multiples of the tier's granule.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <core/memory/draining_ranges.hpp>
#include <core/memory/offset_arena.hpp>
#include <tierpager/types.hpp>

namespace tierpager {

class tier_arena {
 public:
  explicit tier_arena(std::uint64_t reserve_bytes);

  struct placement {
    byte_range range;
    std::vector<byte_range> decommits, commits;  // to be carried out in this order before the range is used
    std::vector<fence> after;                    // of earlier uses that may still be running in the range
  };
  /// Allocates `bytes`. None where idle memory would have to be given back that is still in use on a stream.
  /// REQUIRES: allocated_bytes() + bytes <= limit_bytes, no remap under way that this placement would need a second.
  std::optional<placement> place(std::uint64_t bytes, std::uint64_t limit_bytes, bool may_remap);
  /// The same, but in exactly this range. None also where part of it is allocated.
  std::optional<placement> place_at(byte_range range, std::uint64_t limit_bytes, bool may_remap);
  /// Commits all of the address space, for memory that cannot be remapped. Before anything is placed.
  byte_range commit_all();
  /// The range becomes idle; work behind `last_uses` may still be running in it.
  void free(byte_range range, std::span<fence const> last_uses);
  /// Takes idle memory that no stream uses, from the highest address down, until at most `limit_bytes` are committed
  /// or no more can go; the caller gives it back to the system.
  std::vector<byte_range> reclaim(std::uint64_t limit_bytes);

  /// What was to be committed and given back is, or was taken back here: the peak counts what really was.
  void remapped() { peak_ = std::max(peak_, committed_); }
  /// A decommit that was asked for failed: the memory is still there.
  void decommit_failed(byte_range range);
  /// Frees a range whose commits were not all carried out: those `missing` are not committed.
  void free_uncommitted(byte_range range, std::span<byte_range const> missing);
  /// That fence, and with it every lower sequence of its stream, has passed.
  void passed(fence which) { draining_.passed(which); }
  void all_passed() { draining_.clear(); }

  [[nodiscard]] std::uint64_t committed_bytes() const { return committed_; }
  [[nodiscard]] std::uint64_t peak_bytes() const { return peak_; }
  [[nodiscard]] std::uint64_t allocated_bytes() const { return allocated_; }
  /// Whether no part of the range is allocated.
  [[nodiscard]] bool is_free(byte_range range) const { return space_.is_free(range); }
  [[nodiscard]] bool draining() const { return !draining_.empty(); }
  void check() const;

 private:
  struct window {
    byte_range range;
    std::uint64_t idle_bytes;
  };
  [[nodiscard]] std::optional<window> good_window(std::uint64_t bytes) const;
  [[nodiscard]] std::uint64_t idle_within(byte_range range) const;
  [[nodiscard]] std::vector<byte_range> kept(byte_range idle, byte_range except);
  [[nodiscard]] std::vector<byte_range> reclaimable(std::uint64_t bytes, byte_range except);
  std::optional<placement> take_within(byte_range range, std::uint64_t idle_bytes, std::uint64_t limit_bytes);
  placement take(byte_range range, std::vector<byte_range> decommits);

  offset_arena space_;  // what is not allocated, committed or not
  offset_arena idle_;   // what is committed and not allocated
  draining_ranges draining_;
  std::uint64_t committed_ = 0;
  std::uint64_t peak_ = 0;
  std::uint64_t allocated_ = 0;
};

}  // namespace tierpager
