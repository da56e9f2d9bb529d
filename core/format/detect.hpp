// Which reader a model file is for, and how the parts of a split one are named. Pure; any thread.
// Only guesses: whether the file is what it looks like, its reader says.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tierpager {

enum class model_format : std::uint8_t { unknown, gguf, safetensors, json, shard_index, manifest, pickle };

inline constexpr std::size_t detect_bytes = 16;

/// What the file's first bytes say goes before what its name says. At least `detect_bytes` of the file, or all of it. Of
/// `json` there are two kinds, which detect_json tells apart.
[[nodiscard]] model_format detect_format(std::string_view first_bytes, std::string_view name);

/// `shard_index` where the text has a `weight_map`, `manifest` where it has `tensors`, whichever comes first; where it has
/// neither, or is not JSON up to there, what its name says, or else `unknown`.
[[nodiscard]] model_format detect_json(std::string_view text, std::string_view name);

/// Whether the name is one that indexes of safetensors shards have: model.safetensors.index.json,
/// model.safetensors.index.fp16.json.
[[nodiscard]] bool is_index_name(std::string_view name);

/// Whether the name ends as told, in letters of any case: ".gguf".
[[nodiscard]] bool has_ending(std::string_view name, std::string_view lower_case_ending);

/// The name of one part of a model of several files: STEM-00002-of-00003.gguf, STEM-00002-of-000163.safetensors.
struct part_name {
  std::string stem;
  std::uint32_t number;  // as it stands there, so from 1 with most writers
  std::uint32_t count;
  std::uint32_t number_digits;
  std::uint32_t count_digits;
  std::string ending;  // what comes behind the count
  friend bool operator==(part_name const&, part_name const&) = default;
};

[[nodiscard]] std::optional<part_name> parse_part_name(std::string_view name);
[[nodiscard]] std::string to_string(part_name const& part);

}  // namespace tierpager
