// safetensors: a header's bytes to tensors and where they lie, as strict as the format's reference reader, and with
// no limit of its own but 64 dimensions. Pure; any thread. Reads no tensor bytes and keeps no metadata. Time is linear
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

namespace tierpager {

inline constexpr std::uint64_t safetensors_header_bytes_max = 100'000'000;

enum class trailing_bytes : bool { refuse, allow };

/// `prefix` is the start of a file of `file_bytes`. The tensors come by offset, which is from the file's start. Fails
/// with `malformed_file`, naming the tensor where there is one, and the byte; the caller adds the file's name.
[[nodiscard]] result<std::variant<std::vector<tensor_info>, more_needed>> read_safetensors(
    std::span<std::byte const> prefix, std::uint64_t file_bytes, trailing_bytes trailing);

}  // namespace tierpager
