// The element types of both formats: how many elements make a block, and how many bytes a block takes.
// Pure; any thread. Knows sizes only, not what the bits mean.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tierpager {

struct dtype_info {
  std::string_view name;  // as the format spells it
  std::uint32_t block_elements;
  std::uint32_t block_bytes;
};

/// The type a GGUF file calls by this number; null for numbers never given or given up.
[[nodiscard]] dtype_info const* find_ggml_dtype(std::uint32_t number);
/// Whether ggml once had a type of this number and removed it.
[[nodiscard]] bool is_removed_ggml_dtype(std::uint32_t number);
/// Whether the number is above all that are known here: a type of a later ggml, whose blocks are not known.
[[nodiscard]] bool is_newer_ggml_dtype(std::uint32_t number);
/// What such a type is called: TYPE_43.
[[nodiscard]] std::string unknown_dtype_name(std::uint32_t number);
[[nodiscard]] bool is_unknown_dtype_name(std::string_view name);
[[nodiscard]] dtype_info const* find_safetensors_dtype(std::string_view name);
/// A type of either format; where both have one of that name, its size is the same in both.
[[nodiscard]] dtype_info const* find_dtype(std::string_view name);

/// Product of the dimensions, 1 for none. None where the product of the dimensions that are not 0 exceeds 2^64-1: a 0
/// does not excuse what would wrap.
[[nodiscard]] std::optional<std::uint64_t> count_elements(std::span<std::uint64_t const> shape);
/// None where the elements do not fill whole blocks, or the bytes exceed 2^64-1.
[[nodiscard]] std::optional<std::uint64_t> count_bytes(dtype_info const& type, std::uint64_t elements);

}  // namespace tierpager
