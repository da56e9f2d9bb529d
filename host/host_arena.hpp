// A tier's arena on the host: address space reserved once, backed with memory piece by piece, page-locked on wish. Any
// thread, except that commit and decommit of one arena never overlap. Touching what is not committed crashes, as it
// should. Does not know tensors, and never moves.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>

#include <host/threading.hpp>
#include <tierpager/error.hpp>
#include <tierpager/types.hpp>

namespace tierpager {

struct host_arena_options {
  std::uint64_t granule_bytes = 4096;
  bool lock_pages = false;  // as far as the system allows
  bool poison = false;      // fill with 0xa5 on commit, where memory would otherwise read as zeros
};

class host_arena {
 public:
  explicit host_arena(host_arena_options const& options);
  host_arena(host_arena const&) = delete;
  host_arena& operator=(host_arena const&) = delete;
  ~host_arena();

  /// Once; `out_of_memory` where the system refuses, `invalid_argument` for a second call.
  result<std::byte*> reserve(std::uint64_t bytes) TIERPAGER_EXCLUDES(mutex_);
  status commit(byte_range range) TIERPAGER_EXCLUDES(mutex_);
  status decommit(byte_range range) TIERPAGER_EXCLUDES(mutex_);

  [[nodiscard]] bool committed(byte_range range) const TIERPAGER_EXCLUDES(mutex_);
  [[nodiscard]] std::uint64_t committed_bytes() const TIERPAGER_EXCLUDES(mutex_);
  /// Where `offset` lies; nothing is said about whether it is committed.
  [[nodiscard]] std::byte* at(std::uint64_t offset) const { return base_.load() + offset; }
  /// The arena's offset of an address; some offset past its end for an address elsewhere.
  [[nodiscard]] std::uint64_t offset_of(std::byte const* address) const;
  /// False once the system refused; later commits do not ask again.
  [[nodiscard]] bool locks_pages() const { return locks_pages_.load(); }
  /// What the system refused with, as in errno; 0 where it did not refuse.
  [[nodiscard]] int lock_error() const { return lock_error_.load(); }

 private:
  [[nodiscard]] status check_aligned(byte_range range) const TIERPAGER_REQUIRES(mutex_);
  [[nodiscard]] bool holds(byte_range range) const TIERPAGER_REQUIRES(mutex_);
  /// The whole pages that no other committed range shares with this one.
  [[nodiscard]] byte_range own_pages(byte_range range) const TIERPAGER_REQUIRES(mutex_);

  host_arena_options const options_;
  std::uint64_t const page_bytes_;
  std::atomic<std::byte*> base_ = nullptr;
  std::atomic<bool> locks_pages_;
  std::atomic<int> lock_error_ = 0;

  mutable annotated_mutex mutex_;
  byte_range mapping_ TIERPAGER_GUARDED_BY(mutex_);  // addresses, larger than the arena for alignment's sake
  std::uint64_t reserved_bytes_ TIERPAGER_GUARDED_BY(mutex_) = 0;
  std::uint64_t committed_bytes_ TIERPAGER_GUARDED_BY(mutex_) = 0;
  std::map<std::uint64_t, std::uint64_t> committed_
      TIERPAGER_GUARDED_BY(mutex_);  // offset -> end, apart from each other
};

}  // namespace tierpager
