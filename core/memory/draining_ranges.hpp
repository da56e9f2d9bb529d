// Ranges of an arena that work under way may still use, whether they are free or not: of VRAM what is queued on streams, of
// RAM loads. Not thread-safe; decides nothing. A program that runs far ahead of its streams leaves one for each tensor that it
// evicts, so they are found by address, and those that have passed are forgotten where they are met.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include <tierpager/types.hpp>

namespace tierpager {

class draining_ranges {
 public:
  void add(byte_range range, std::span<fence const> until);
  /// That fence passes after all others of the range, so they are forgotten.
  void replace(byte_range range, fence until);
  /// That fence, and with it every lower sequence of its stream.
  void passed(fence which);
  void clear();

  /// Whether everything has passed. Constant time.
  [[nodiscard]] bool empty() const { return running_streams_ == 0; }
  /// What has not passed of all that uses the range: of each stream the latest fence, which covers the earlier ones.
  [[nodiscard]] std::vector<fence> fences_in(byte_range range);
  /// The ranges, ascending and none of them overlapping, that touch this one and have such a fence.
  [[nodiscard]] std::vector<byte_range> touching(byte_range range);

 private:
  struct piece {
    std::uint64_t end;
    std::vector<fence> until;  // the latest of each stream
  };
  using by_offset = std::map<std::uint64_t, piece>;
  struct stream {
    std::uint64_t added = 0, passed = 0;  // the latest of each
  };
  void count(fence added);
  void cut(std::uint64_t at);
  [[nodiscard]] bool has_passed(fence which) const { return streams_[which.stream].passed >= which.sequence; }
  by_offset::iterator first_beyond(std::uint64_t offset);
  template <class Visit>
  void visit(byte_range range, Visit const& each);

  by_offset pieces_;             // none overlap
  std::vector<stream> streams_;  // by number
  std::size_t running_streams_ = 0;
};

}  // namespace tierpager
