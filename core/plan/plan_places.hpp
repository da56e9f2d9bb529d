// Each streamed tensor's fixed place in the buffer, and what passes through the buffer then. Pure, any thread.
// Decides nothing about who streams.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <core/plan/plan_cycle.hpp>
#include <core/plan/plan_layout.hpp>
#include <tierpager/types.hpp>

namespace tierpager {

/// Gives every streamed tensor its place in the buffer. What is held at once never overlaps, and neighbouring streaming
/// calls do not where there is a way. `slots` is how far back
/// a copy may come to wait. False where the buffer is too small for what is held at once, placed like this.
bool place_streamed(cycle_uses const& cycle, std::vector<std::uint64_t> const& bytes,
                    std::vector<std::uint8_t> const& streamed, std::uint32_t slots, layout& into);

/// What passes through the buffer in one cycle, in steady state. Not every use is a load: what nothing has overwritten
/// since is still there.
std::uint64_t loaded_bytes(cycle_uses const& cycle, std::vector<std::uint64_t> const& bytes,
                           std::vector<std::uint8_t> const& streamed, std::vector<std::uint64_t> const& places);

}  // namespace tierpager
