// The parts of statistics as JSON and text that the library's own forms and the command's reports have in common, so that
// both say the same in the same words. Their keys are a contract. Pure; any thread. Private: no public header has JSON values.
#pragma once

#include <cstdint>
#include <string>

#include <nlohmann/json.hpp>

#include <tierpager/statistics.hpp>

namespace tierpager {

/// Null for no limit.
nlohmann::ordered_json bytes_json(std::uint64_t bytes);
/// {"vram", "ram", "vram_effective", "ram_effective"}
nlohmann::ordered_json budget_json(statistics const& tiers);
/// {"vram", "ram"}: the most that either tier ever held.
nlohmann::ordered_json peak_json(statistics const& tiers);
/// {"acquires", "vram_hits", ..., "stall_seconds"}: what a pass, or a pager's life, counted.
nlohmann::ordered_json counts_json(statistics const& counted);
/// {"evictions", "ahead"}: what was evicted, by reason, and what was loaded before it was asked for.
nlohmann::ordered_json reasons_json(statistics const& counted);

/// A line for each tier: its budget, what binds, and its peak where it has one.
std::string tier_lines(statistics const& tiers);

}  // namespace tierpager
