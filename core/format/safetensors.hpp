// safetensors: a header's bytes to tensors and where they lie, as strict as the format's reference reader, and with
// no limit of its own but 64 dimensions. Pure; any thread. Reads no tensor bytes. Time is linear
// but for one sort.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include <core/format/byte_reader.hpp>
#include <tierpager/catalog.hpp>
#include <tierpager/error.hpp>
#include <tierpager/key_values.hpp>

namespace tierpager {

inline constexpr std::uint64_t safetensors_header_bytes_max = 100'000'000;

struct safetensors_header {
  std::vector<tensor_info> tensors = {};  // by offset, which is from the file's start
  key_values metadata = {};               // the strings of __metadata__; of a key that is there twice the last
};

enum class trailing_bytes : bool { refuse, allow };

/// `prefix` is the start of a file of `file_bytes`. Fails with `malformed_file`, naming the tensor where there is one, and
/// the byte; the caller adds the file's name.
[[nodiscard]] result<std::variant<safetensors_header, more_needed>> read_safetensors(std::span<std::byte const> prefix,
                                                                                     std::uint64_t file_bytes,
                                                                                     trailing_bytes trailing);

}  // namespace tierpager
