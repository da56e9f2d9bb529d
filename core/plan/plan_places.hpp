// Where everything lies in VRAM: residents that stay where they are, newcomers around them, the ring in a window of its
// own, and each streamed tensor's fixed place in the ring. Pure, any thread. Decides nothing about who stays.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <core/plan/plan_cycle.hpp>
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
                                      std::vector<std::uint64_t> const& bytes, std::vector<std::uint8_t> const& resident,
                                      std::vector<byte_range> const& now, std::uint64_t ring_bytes,
                                      std::uint64_t granule_bytes, std::uint64_t budget_bytes);

/// The same, but nobody moves, nor is memory mapped: for the ring, and for residents that come, those leave that cost least to stream, and
/// whoever else is there stays. `costs`: per tensor; 0: it may not stream. Changes `resident` to what comes of that. None
/// where somebody who may not stream finds no room.
std::optional<layout> lay_out_in_place(byte_range space, std::vector<byte_range> const& gaps,
                                       std::vector<std::uint64_t> const& bytes, std::vector<byte_range> const& now,
                                       std::uint64_t ring_bytes, std::vector<std::uint64_t> const& costs,
                                       std::vector<std::uint8_t>& resident);

/// Gives every streamed tensor its place in the ring. What is held at once never overlaps, and neighbouring streaming
/// calls do not where there is a way. `slots` is how far back
/// a copy may come to wait. False where the ring is too small for what is held at once, placed like this.
bool place_streamed(cycle_uses const& cycle, std::vector<std::uint64_t> const& bytes,
                    std::vector<std::uint8_t> const& streamed, std::uint32_t slots, layout& into);

/// What passes through the ring in one cycle, in steady state. Not every use is a load: what nothing has overwritten
/// since is still there.
std::uint64_t loaded_bytes(cycle_uses const& cycle, std::vector<std::uint64_t> const& bytes,
                           std::vector<std::uint8_t> const& streamed, std::vector<std::uint64_t> const& places);

}  // namespace tierpager
