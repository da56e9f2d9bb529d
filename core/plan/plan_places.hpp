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

/// Residents and the ring within the space. Those that are there now stay where they are, as long as all others find
/// room; else all are laid out anew, packed low, the ring above them. None where the space is too small.
std::optional<layout> lay_out(byte_range space, std::vector<std::uint64_t> const& bytes,
                              std::vector<std::uint8_t> const& resident, std::vector<byte_range> const& now,
                              std::uint64_t ring_bytes);

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
