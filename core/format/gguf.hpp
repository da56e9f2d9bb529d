// GGUF versions 2 and 3, little-endian: a header's bytes to tensors, where they lie, and metadata. Follows the GGUF
// specification and, where that is silent, what ggml's own reader refuses. Pure; any thread. Reads no tensor bytes. Time is
// linear but for one sort; allocates for bytes at hand only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include <core/format/byte_reader.hpp>
#include <tierpager/catalog.hpp>
#include <tierpager/error.hpp>
#include <tierpager/key_values.hpp>

namespace tierpager {

/// What a part of a split model says of itself.
struct gguf_split {
  std::uint64_t number = 0;  // from 0
  std::uint64_t count = 1;
  std::optional<std::uint64_t> tensors = std::nullopt;  // of all parts together
  // Where it says so; 0 where it does not.
  std::uint64_t number_byte = 0;
  std::uint64_t count_byte = 0;
  std::uint64_t tensors_byte = 0;
};

struct gguf_header {
  std::uint32_t version = 0;
  std::uint64_t alignment = 32;
  std::uint64_t data_offset = 0;
  std::optional<gguf_split> split = std::nullopt;  // none where the file speaks of no split
  key_values metadata = {};                        // all of it
  std::vector<tensor_info> tensors = {};           // by offset, which is from the file's start; innermost_first
};

/// `prefix` is the start of a file of `file_bytes`. Fails with `malformed_file`, naming the tensor where there is one,
/// and the byte; the caller adds the file's name.
[[nodiscard]] result<std::variant<gguf_header, more_needed>> read_gguf(std::span<std::byte const> prefix,
                                                                       std::uint64_t file_bytes);

}  // namespace tierpager
