// Where residents and the ring lie in VRAM under a plan: whoever is there stays as far as that can be. Pure, any thread.
// Decides nothing about who stays, but where it is asked who may leave instead.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <tierpager/types.hpp>

namespace tierpager {

struct layout {
  std::vector<std::uint64_t> places;  // per tensor; memory_plan::no_place
  byte_range ring;
};

/// Residents and the ring within the space, and not in its gaps. Those that are there now stay where they are, as long
/// as all others find room; else those move that lie between holes, so that one is large enough. None where the space,
/// or what the gaps leave of it in one piece, is too small.
std::optional<layout> lay_out(byte_range space, std::vector<byte_range> const& gaps,
                              std::vector<std::uint64_t> const& bytes, std::vector<std::uint8_t> const& resident,
                              std::vector<byte_range> const& now, std::vector<bool> const& pinned,
                              std::uint64_t ring_bytes);

/// The same, but nobody moves: what finds no room among those that are there now gets addresses in the gaps, where memory
/// will have to be mapped. None where what is free elsewhere then, in whole granules of the budget, is too little for that.
std::optional<layout> lay_out_in_gaps(byte_range space, std::vector<byte_range> const& gaps,
                                      std::vector<std::uint64_t> const& bytes,
                                      std::vector<std::uint8_t> const& resident, std::vector<byte_range> const& now,
                                      std::vector<bool> const& held, std::uint64_t ring_bytes,
                                      std::uint64_t granule_bytes, std::uint64_t budget_bytes);

/// The same, but nobody moves, nor is memory mapped: for the ring, and for residents that come, those leave that cost least to stream, and
/// whoever else is there stays. `costs`: per tensor; 0: it may not stream. Changes `resident` to what comes of that. None
/// where somebody who may not stream finds no room.
std::optional<layout> lay_out_in_place(byte_range space, std::vector<byte_range> const& gaps,
                                       std::vector<std::uint64_t> const& bytes, std::vector<byte_range> const& now,
                                       std::uint64_t ring_bytes, std::vector<std::uint64_t> const& costs,
                                       std::vector<std::uint8_t>& resident);

}  // namespace tierpager
