// Textbook caches by bytes, for comparison only: what `plan --policy all` prints beside the pager's own policy, and what
// that is held against in tests. Nothing here pages. Not thread-safe; a cache refers to the sizes it was given.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include <tierpager/types.hpp>

namespace tierpager::tools {

class comparison_cache {
 public:
  comparison_cache(std::uint64_t capacity_bytes, std::span<std::uint64_t const> tensor_bytes);
  comparison_cache(comparison_cache const&) = delete;
  comparison_cache& operator=(comparison_cache const&) = delete;
  virtual ~comparison_cache() = default;

  /// Whether the tensor was in. Afterwards it is, and others have left until it fits; one that is larger than the cache
  /// passes through.
  bool access(tensor_id id);
  /// A token's end: the clock of those that count in passes.
  virtual void pass_ended() {}

  [[nodiscard]] bool contains(tensor_id id) const { return in_[index_of(id)]; }
  [[nodiscard]] std::uint64_t used_bytes() const { return used_bytes_; }
  [[nodiscard]] std::uint64_t evictions() const { return evictions_; }

 protected:
  [[nodiscard]] std::uint64_t capacity_bytes() const { return capacity_bytes_; }
  [[nodiscard]] std::uint64_t bytes_of(std::uint32_t id) const { return tensor_bytes_[id]; }
  [[nodiscard]] std::size_t tensors() const { return tensor_bytes_.size(); }

 private:
  /// Every access, before anything else.
  virtual void next_access() {}
  virtual void hit(std::uint32_t id) = 0;
  /// Before room is made for it.
  virtual void missed(std::uint32_t) {}
  /// Takes the one to leave out of the ranks. Called only while something is in.
  virtual std::uint32_t take_victim() = 0;
  virtual void insert(std::uint32_t id) = 0;

  std::uint64_t capacity_bytes_;
  std::span<std::uint64_t const> tensor_bytes_;
  std::uint64_t used_bytes_ = 0;
  std::uint64_t evictions_ = 0;
  std::vector<bool> in_;
};

/// Those that need not know the future, by name: "lru", "sieve", "s3fifo", "arc", and "lfu-N": use counts that halve
/// every N passes. Null for any other name.
std::unique_ptr<comparison_cache> make_comparison_cache(std::string_view name, std::uint64_t capacity_bytes,
                                                        std::span<std::uint64_t const> tensor_bytes);

/// The farthest next use leaves first. `accesses` is what will be accessed, from the first to the last.
std::unique_ptr<comparison_cache> make_belady(std::uint64_t capacity_bytes, std::span<std::uint64_t const> tensor_bytes,
                                              std::span<tensor_id const> accesses);

}  // namespace tierpager::tools
