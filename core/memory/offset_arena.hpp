// The free ranges of an arena [0, n): hands out offsets and takes them back. Owns no memory and knows no device.
// Not thread-safe. Ranges never overlap and neighbours are merged, so two free ranges never touch.
// Every call takes a logarithm of the number of free ranges. No range is empty.
#pragma once

#include <cstdint>
#include <optional>
#include <set>

#include <tierpager/types.hpp>

namespace tierpager {

class offset_arena {
  struct by_offset {
    bool operator()(byte_range left, byte_range right) const { return left.offset < right.offset; }
  };
  struct by_bytes {
    bool operator()(byte_range left, byte_range right) const {
      return left.bytes != right.bytes ? left.bytes < right.bytes : left.offset < right.offset;
    }
  };
  using ranges_by_offset = std::set<byte_range, by_offset>;
  using ranges_by_bytes = std::set<byte_range, by_bytes>;

 public:
  /// All of [0, bytes) is free.
  explicit offset_arena(std::uint64_t bytes);

  /// The offset of a range taken from the smallest free range that is large enough, the lowest among equals; none
  /// where no single free range is.
  std::optional<std::uint64_t> allocate(std::uint64_t bytes);
  /// Takes exactly this range; false, and nothing taken, where part of it is not free.
  bool allocate_at(byte_range range);
  /// Gives a range back, whole or in part. No byte of it may be free already.
  void free(byte_range range);

  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  [[nodiscard]] std::uint64_t free_bytes() const { return free_bytes_; }
  [[nodiscard]] std::uint64_t largest_free_bytes() const;
  /// The smallest free range of at least so many bytes, the lowest among equals.
  [[nodiscard]] std::optional<byte_range> smallest_free(std::uint64_t bytes) const;

  /// The free ranges in the order of their addresses. Any other call but a question ends the iteration.
  [[nodiscard]] ranges_by_offset::const_iterator begin() const { return free_by_offset_.begin(); }
  [[nodiscard]] ranges_by_offset::const_iterator end() const { return free_by_offset_.end(); }
  /// The first of them that reaches beyond that offset.
  [[nodiscard]] ranges_by_offset::const_iterator first_beyond(std::uint64_t offset) const;
  /// The same ranges by size, the smallest first.
  [[nodiscard]] ranges_by_bytes const& by_size() const { return free_by_bytes_; }

 private:
  [[nodiscard]] ranges_by_offset::const_iterator around(byte_range range) const;
  void take(ranges_by_offset::const_iterator from, byte_range range);
  void insert(byte_range range);
  void erase(ranges_by_offset::const_iterator where);

  std::uint64_t bytes_;
  std::uint64_t free_bytes_ = 0;
  ranges_by_offset free_by_offset_;
  ranges_by_bytes free_by_bytes_;
};

}  // namespace tierpager
