// One tier's memory as the core sees it: reserved addresses, of which whole granules are committed, and of those some
// bytes are allocated to tensors. Decides where a tensor goes and which granules are committed or given back, so that
// the committed bytes never exceed the limit. Owns no memory, carries nothing out. Not thread-safe: called under the
// pager's lock. Tensors lie at multiples of the tier's alignment, which divides its granule.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include <core/memory/draining_ranges.hpp>
#include <core/memory/offset_arena.hpp>
#include <tierpager/types.hpp>

namespace tierpager {

class tier_arena {
 public:
  tier_arena(std::uint64_t reserve_bytes, std::uint64_t granule_bytes);

  /// No place from there on is used: as yet there is none, and no memory.
  void end_at(std::uint64_t reserve_bytes);

  struct placement {
    byte_range range;
    std::vector<byte_range> decommits, commits;  // to be carried out in this order before the range is used
    std::vector<fence> after;                    // of earlier uses that may still be running in the range
  };
  /// From the smallest hole among committed memory that is large enough; none where there is no such hole.
  std::optional<placement> place(std::uint64_t bytes);
  /// Exactly this range; none where part of it is allocated, or not committed.
  std::optional<placement> place_at(byte_range range);
  /// At free addresses of which some are not committed yet. Where the limit asks for it, as many whole granules are
  /// given back elsewhere; none where streams are not known to be done with enough of them, or no addresses are left.
  std::optional<placement> place_by_remap(std::uint64_t bytes, std::uint64_t limit_bytes);
  /// The lowest addresses that are not committed, to be committed until `limit_bytes` are: for use once carried out.
  std::vector<byte_range> grow(std::uint64_t limit_bytes, std::uint64_t piece_bytes);
  /// The range becomes a hole; work behind `last_uses` may still be running in it.
  void free(byte_range range, std::span<fence const> last_uses);
  /// The range is in use until then, whatever becomes of its place.
  void use(byte_range range, fence until) { draining_.add(range, std::span(&until, 1)); }
  /// The same, and that comes after all earlier uses of the range.
  void use_last(byte_range range, fence until) { draining_.replace(range, until); }
  /// Takes whole granules that are free and that no stream uses, from the highest address down, until at most
  /// `limit_bytes` are committed or no more can go; the caller gives them back to the system. Below the address where that
  /// limit ends only where nothing above it will become free by itself.
  std::vector<byte_range> reclaim(std::uint64_t limit_bytes);

  // What was to be committed and given back is, as far as these say; the peak counts what really was.
  void committed(byte_range range);
  void commit_failed(byte_range range);
  void decommit_failed(byte_range range);
  /// A hole, in whole granules, is not committed after all.
  void take_back(byte_range range) { give_up(range); }
  /// The memory of a placement by remap came, or did not.
  void remap_carried_out(placement const& placed);
  void remap_failed(placement const& placed, std::size_t commits_done);
  void count_peak() { peak_ = std::max(peak_, committed_); }
  /// That fence, and with it every lower sequence of its stream, has passed.
  void passed(fence which) { draining_.passed(which); }
  void all_passed() { draining_.clear(); }

  [[nodiscard]] std::uint64_t reserve_bytes() const { return end_; }
  [[nodiscard]] std::uint64_t granule_bytes() const { return granule_bytes_; }
  [[nodiscard]] std::uint64_t committed_bytes() const { return committed_; }
  [[nodiscard]] std::uint64_t peak_bytes() const { return peak_; }
  [[nodiscard]] std::uint64_t allocated_bytes() const { return allocated_; }
  [[nodiscard]] std::uint64_t peak_allocated_bytes() const { return peak_allocated_; }
  [[nodiscard]] std::uint64_t largest_hole_bytes() const { return idle_.largest_free_bytes(); }
  /// Of all holes together, the granules that are free as a whole, whether streams are done with them or not.
  [[nodiscard]] std::uint64_t whole_free_bytes() const;
  /// What is committed and not allocated.
  [[nodiscard]] offset_arena const& holes() const { return idle_; }
  [[nodiscard]] bool is_committed(byte_range range) const {
    auto const gap = vacant_.first_beyond(range.offset);
    return range.end() <= reserve_bytes() && (gap == vacant_.end() || gap->offset >= range.end());
  }
  /// The address below which so many bytes are committed; where fewer are, the end of all addresses.
  [[nodiscard]] std::uint64_t end_of_committed(std::uint64_t bytes) const;
  /// Addresses that will not be committed, ascending, once so many bytes are: those that grow and reclaim leave.
  [[nodiscard]] std::vector<byte_range> vacant_under(std::uint64_t limit_bytes) const;
  [[nodiscard]] bool draining() const { return !draining_.empty(); }
  /// Of the granules that lie wholly in the range.
  [[nodiscard]] std::uint64_t whole_bytes_in(byte_range range) const {
    std::uint64_t const from = round_up(range.offset, granule_bytes_);
    return std::max(from, round_down(range.end(), granule_bytes_)) - from;
  }
  /// The granules that the range touches.
  [[nodiscard]] byte_range whole_granules(byte_range range) const;
  void check() const;

 private:
  [[nodiscard]] std::vector<byte_range> reclaimable(std::uint64_t bytes, std::span<byte_range const> except);
  std::optional<placement> remap_into(byte_range range, std::uint64_t limit_bytes);
  void allocated(std::uint64_t bytes);
  void give_up(byte_range range);

  std::uint64_t granule_bytes_;
  std::uint64_t end_;
  offset_arena space_;   // not allocated, committed or not
  offset_arena vacant_;  // not committed
  offset_arena idle_;    // committed and not allocated: the holes
  draining_ranges draining_;
  std::uint64_t committed_ = 0;  // what is still to be committed included
  std::uint64_t peak_ = 0;
  std::uint64_t allocated_ = 0;
  std::uint64_t peak_allocated_ = 0;
};

}  // namespace tierpager
