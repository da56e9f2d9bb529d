// What warnings say: what happened, with the figure, and what would help. Pure but for the limit of locked memory, which is
// asked of the system; any thread. What is returned is one line, safe for a terminal.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <tierpager/error.hpp>
#include <tierpager/statistics.hpp>
#include <tierpager/types.hpp>

namespace tierpager {

/// `auto` took the host device.
std::string fallback_warning(failure const& why);
/// RAM is not page-locked. `wanted_bytes`: how much was to be. On a device whose VRAM is RAM copies are no slower for it.
std::string unlocked_ram_warning(failure const& why, std::uint64_t wanted_bytes, bool vram_is_ram,
                                 std::optional<std::uint64_t> limit_bytes);
/// How much memory this process may lock; nothing where there is no limit.
std::optional<std::uint64_t> locked_memory_limit_bytes();
/// The system gave less than was asked for.
std::string refused_memory_warning(tier where, tier_statistics const& now);
/// `auto` found less than is needed: the least that works, or what keeps the model in this tier, or in both.
std::optional<std::string> auto_budget_warning(tier where, statistics const& now, std::uint64_t whole_bytes);
/// What pin_notes says of a pin in that tier.
std::string pin_warning(tier where, std::string note);
/// A tensor that no acquire will get, with the failure that it would be refused with.
std::string too_large_warning(failure refusal);

}  // namespace tierpager
