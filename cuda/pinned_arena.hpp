// The RAM arena of a device: reserved addresses whose committed parts are page-locked by registering them with the
// driver, each commit on its own ("segments"; docs/decisions/page_locked_segments.md). Any thread, inside a call_guard,
// except that commit and decommit never overlap; reserve once. No lock is held across a CUDA call. Decommit may wait for
// copies from what stays; a copy may wait while its segment is being cut.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include <cuda/host_pages.hpp>
#include <cuda/stream_table.hpp>

namespace tierpager {

struct pinned_arena_options {
  bool page_lock = true;  // else plain memory, where the driver refuses to register any
  std::uint64_t segment_bytes_max = std::uint64_t{1} << 30U;
};

class pinned_arena {
 public:
  pinned_arena(device_state& state, stream_table& streams, cudaStream_t copy_stream, pinned_arena_options options);
  pinned_arena(pinned_arena const&) = delete;
  pinned_arena& operator=(pinned_arena const&) = delete;
  ~pinned_arena();  // every copy has run, or the context is dead

  /// What the driver says where it registers no memory of this process at all; nothing where it does.
  static result<std::optional<failure>> why_no_page_lock(device_state& state);

  [[nodiscard]] std::uint64_t granule_bytes() const;
  [[nodiscard]] bool page_locks() const { return options_.page_lock; }
  /// False while a part of it could not be.
  [[nodiscard]] bool is_page_locked() const { return options_.page_lock && unlocked_.load() == 0; }
  result<std::byte*> reserve(std::uint64_t bytes);
  status commit(byte_range range);
  status decommit(byte_range range);
  [[nodiscard]] bool covers(byte_range range) const;
  [[nodiscard]] std::byte* base() const { return pages_.base(); }

  /// The range in pieces that do not cross from one segment into another, which stay registered until end_copy. Fails
  /// where the range is not committed.
  result<std::vector<byte_range>> begin_copy(byte_range range);
  /// `queued`: behind the copies of all pieces; none where it is unknown whether they were queued.
  void end_copy(std::vector<byte_range> const& pieces, std::optional<fence> queued);

 private:
  struct segment {
    std::uint64_t end = 0;
    bool registered = false;
    bool being_cut = false;       // about to be registered anew; copies wait
    bool held_back = false;       // new copies wait a while, so that those under way come to an end
    unsigned failed = 0;          // copies that may have been queued, without a fence
    unsigned settled = 0;         // of these: there is a fence behind them
    unsigned copies = 0;          // between begin_copy and end_copy
    std::uint64_t last_copy = 0;  // on the copy stream
  };
  using segment_map = std::map<std::uint64_t, segment>;  // by offset, apart from each other

  [[nodiscard]] status check(byte_range range) const;
  [[nodiscard]] segment_map::iterator first_overlapping(byte_range range);
  [[nodiscard]] bool holds(byte_range range) const;
  status register_pages(byte_range range);
  status unregister_pages(byte_range range);
  void undo_commit(byte_range range, std::vector<byte_range> const& registered);
  void repair();
  struct copies_under_way {
    std::uint64_t last_copy = 0;
    bool unsettled = false, queueing = false;
  };
  /// Of all segments that overlap the range. Where nothing later than `passed` is under way they are claimed at once.
  result<copies_under_way> look_or_claim(byte_range range, std::uint64_t passed, std::vector<byte_range>& claimed);
  status settle(byte_range range);
  void hold_back(byte_range range, bool held);
  status claim_quiet(byte_range range, std::vector<byte_range>& claimed);
  status unregister_all(std::vector<byte_range> const& claimed);
  void put_back(byte_range claimed, bool registered);
  void replace(std::vector<byte_range> const& claimed, byte_range cut);

  device_state& state_;
  stream_table& streams_;
  cudaStream_t const copy_stream_;
  pinned_arena_options const options_;
  host_pages pages_;
  std::vector<byte_range> stuck_;            // registered and not committed: what could not be unregistered
  std::atomic<std::uint64_t> unlocked_ = 0;  // segments that should be registered and are not

  mutable std::mutex mutex_;
  segment_map segments_;
};

}  // namespace tierpager
