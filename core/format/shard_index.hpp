// The index of a sharded safetensors model (`*.safetensors.index.json`): which tensor lies in which file beside it, or in a
// folder beside it.
// Pure; read-only once built, then any thread. Opens no file; whether the shards hold what the index says is asked of
// it tensor by tensor.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tierpager/error.hpp>

namespace tierpager {

inline constexpr std::uint64_t shard_index_bytes_max = 100'000'000;
inline constexpr std::size_t shard_count_max = 100'000;

class shard_index {
 public:
  /// Fails with `malformed_file` and the byte where the text is no index, names a tensor twice, or names a shard by
  /// anything but a path that stays in the index's folder.
  [[nodiscard]] static result<shard_index> parse(std::string_view text);

  /// Paths from the index's folder (see path_inside), sorted, each once.
  [[nodiscard]] std::vector<std::string> const& shards() const { return shards_; }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] std::string_view name(std::size_t index) const { return name_of(entries_[index]); }
  /// Index into shards().
  [[nodiscard]] std::uint32_t shard(std::size_t index) const { return entries_[index].shard; }
  /// Where the name stands in the text.
  [[nodiscard]] std::uint64_t byte(std::size_t index) const { return entries_[index].byte; }
  [[nodiscard]] std::optional<std::size_t> find(std::string_view name) const;

 private:
  friend class shard_index_listener;
  // Names lie end to end in one text: a small file may hold very many.
  struct entry {
    std::uint32_t name_at;
    std::uint32_t name_bytes;
    std::uint32_t shard;
    std::uint32_t byte;  // of the name in the file
  };
  [[nodiscard]] std::string_view name_of(entry const& each) const {
    return std::string_view(names_).substr(each.name_at, each.name_bytes);
  }

  std::vector<std::string> shards_;
  std::string names_;
  std::vector<entry> entries_;  // by name
};

}  // namespace tierpager
