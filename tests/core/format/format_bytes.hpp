// Files of each format, built byte by byte, right or wrong as a test wants them.
// Tests only. Checks nothing.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tierpager::testing {

inline std::span<std::byte const> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

template <class Integer>
std::string little_endian(Integer value) {
  std::string bytes;
  for (std::size_t i = 0; i < sizeof(Integer); ++i)
    bytes.push_back(static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i) & 0xffU));
  return bytes;
}

inline std::string u32(std::uint32_t value) { return little_endian(value); }
inline std::string u64(std::uint64_t value) { return little_endian(value); }
inline std::string text(std::string_view value) { return u64(value.size()) + std::string(value); }

/// One GGUF metadata entry; `value` holds what follows the type.
inline std::string metadata(std::string_view key, std::uint32_t type, std::string const& value) {
  return text(key) + u32(type) + value;
}

struct gguf_tensor {
  std::string name;
  std::vector<std::uint64_t> shape;
  std::uint32_t type = 0;
  std::uint64_t offset = 0;

  [[nodiscard]] std::string entry() const {
    std::string bytes = text(name) + u32(static_cast<std::uint32_t>(shape.size()));
    for (std::uint64_t const dimension : shape) bytes += u64(dimension);
    return bytes + u32(type) + u64(offset);
  }
};

struct gguf_file {
  std::uint32_t version = 3;
  std::vector<std::string> metadata = {};
  std::vector<gguf_tensor> tensors = {};
  std::uint64_t data_bytes = 0;
  std::uint64_t alignment = 32;

  [[nodiscard]] std::string header() const {
    std::string bytes = "GGUF" + u32(version) + u64(tensors.size()) + u64(metadata.size());
    for (std::string const& each : metadata) bytes += each;
    for (gguf_tensor const& each : tensors) bytes += each.entry();
    return bytes;
  }
  [[nodiscard]] std::string build() const {
    std::string bytes = header();
    bytes.resize((bytes.size() + alignment - 1) / alignment * alignment);
    bytes.resize(bytes.size() + data_bytes, 'd');
    return bytes;
  }
};

inline std::string safetensors_file(std::string const& json, std::uint64_t data_bytes) {
  return u64(json.size()) + json + std::string(data_bytes, 'd');
}

/// A safetensors file of tensors of two bytes each.
inline std::string shard_of(std::vector<std::string> const& names) {
  std::string json = "{";
  for (std::size_t i = 0; i < names.size(); ++i)
    json += (i == 0 ? "\"" : ",\"") + names[i] + R"(":{"dtype":"U8","shape":[2],"data_offsets":[)" +
            std::to_string(2 * i) + "," + std::to_string(2 * i + 2) + "]}";
  return safetensors_file(json + "}", 2 * names.size());
}

}  // namespace tierpager::testing
