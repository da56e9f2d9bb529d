// Where residents and the buffer of a tier lie under a plan. Pure, any thread. Decides which tensors stay only where it is asked
// to leave all where they are.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <vector>

#include <tierpager/types.hpp>

namespace tierpager {

struct layout {
  std::vector<std::uint64_t> places;  // per tensor; memory_plan::no_place
  byte_range buffer;
};

/// From the low end: what is fixed stays where it is now, then the buffer, then the residents, the largest first, so that a
/// smaller budget takes away small ones. None where the space, or what the gaps leave of it in one piece, is too small.
std::optional<layout> lay_out_anew(byte_range space, std::vector<byte_range> const& gaps,
                                   std::vector<std::uint64_t> const& bytes, std::vector<std::uint8_t> const& resident,
                                   std::vector<byte_range> const& now, std::vector<bool> const& fixed,
                                   std::uint64_t buffer_bytes);
/// The first of these choices of what is fixed that finds room, the last being nothing.
std::optional<layout> lay_out_keeping(std::initializer_list<std::vector<bool> const*> fixed, byte_range space,
                                      std::vector<byte_range> const& gaps, std::vector<std::uint64_t> const& bytes,
                                      std::vector<std::uint8_t> const& resident, std::vector<byte_range> const& now,
                                      std::uint64_t buffer_bytes);

/// Nearly all stay where they are: in the place of the buffer, and of residents that come, those leave that cost least to
/// stream; small ones that may not stream, and are not fixed, go elsewhere. `costs`: per tensor; 0: it may not stream.
/// Changes `resident` to what comes of that. None where one that may not stream finds no room.
std::optional<layout> lay_out_in_place(byte_range space, std::vector<byte_range> const& gaps,
                                       std::vector<std::uint64_t> const& bytes, std::vector<byte_range> const& now,
                                       std::vector<bool> const& fixed, std::uint64_t buffer_bytes,
                                       std::vector<std::uint64_t> const& costs, std::vector<std::uint8_t>& resident);

}  // namespace tierpager
