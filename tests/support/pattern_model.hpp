// A model made of arithmetic: every byte of its one file is a function of its offset, so any copy of any tensor can be
// checked without a second copy. For tests; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <tierpager/catalog.hpp>
#include <tierpager/source.hpp>

namespace tierpager::test {

/// The byte that the pattern holds at that offset.
constexpr std::byte pattern_byte(std::uint64_t offset) {
  std::uint64_t const mixed = (offset / 8 + 1) * 0x9e3779b97f4a7c15ULL;
  return static_cast<std::byte>((mixed ^ (mixed >> 29U)) >> (8 * (offset % 8)));
}

class pattern_source final : public source {
 public:
  explicit pattern_source(std::uint64_t bytes) : bytes_(bytes) {}
  status read(std::uint32_t file, std::uint64_t offset, std::span<std::byte> target) override;

 private:
  std::uint64_t const bytes_;
};

struct pattern_model {
  catalog tensors;
  std::shared_ptr<tierpager::source> source;
};

/// Tensors named t0, t1, ... of these sizes, one behind the other.
pattern_model make_pattern_model(std::span<std::uint64_t const> sizes_bytes);
pattern_model make_pattern_model(std::size_t tensors, std::uint64_t bytes_each);

/// The first byte of `actual` that is not the tensor's, or its size if all are right.
std::uint64_t first_wrong_byte(tensor_info const& tensor, std::span<std::byte const> actual);

}  // namespace tierpager::test
