// Which reader a model file is for, and how the parts of a split one are named. Pure; any thread.
// Only guesses: whether the file is what it looks like, its reader says.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tierpager {

enum class model_format : std::uint8_t { unknown, gguf, safetensors, shard_index, manifest };

inline constexpr std::size_t detect_bytes = 16;

/// What the file's first bytes say goes before what its name says. At least `detect_bytes` of the file, or all of it.
[[nodiscard]] model_format detect_format(std::string_view first_bytes, std::string_view name);

/// The name of one part of a split GGUF model: STEM-00002-of-00003.gguf.
struct split_name {
  std::string stem;
  std::uint32_t number;  // from 0
  std::uint32_t count;
  friend bool operator==(split_name const&, split_name const&) = default;
};

[[nodiscard]] std::optional<split_name> parse_split_name(std::string_view name);
[[nodiscard]] std::string to_string(split_name const& part);

}  // namespace tierpager
