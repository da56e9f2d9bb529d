// What holds of every answer of a format reader, whatever it was given. The fuzz targets ask for it with each input, so it
// aborts instead of reporting. One thread. Opens nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <tests/support/counted_allocations.hpp>
#include <tierpager/catalog.hpp>
#include <tierpager/error.hpp>

namespace tierpager::testing {

/// Says what does not hold, and ends the program.
void require(bool holds, char const* what);

/// A refusal is for the file, says why, and names a byte of it.
void check_refusal(failure const& why, std::uint64_t file_bytes);

/// Tensors lie between the header and the end, take what their shape and type make, and can be put into a catalog.
void check_tensors(std::span<tensor_info const> tensors, std::uint64_t header_bytes, std::uint64_t file_bytes);

/// Reads, and holds what that took against what was promised for a header of so many bytes.
template <class Read>
auto read_in_bounds(std::size_t header_bytes, Read const& read) {
  std::size_t const before = live_bytes();
  restart_peak();
  auto answer = read();
  require(peak_bytes() - before <= promised_bytes(header_bytes), "takes more memory than promised");
  return answer;
}

inline std::string_view text_of(std::uint8_t const* data, std::size_t bytes) {
  return {reinterpret_cast<char const*>(data), bytes};
}

}  // namespace tierpager::testing

/// What libFuzzer calls with each input, and the replay with each file.
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t bytes);
