#include <core/statistics_parts.hpp>

#include <core/readable_bytes.hpp>
#include <tierpager/budget.hpp>

namespace tierpager {
namespace {

using json = nlohmann::ordered_json;

json by_reason(tier_statistics const& tier) {
  json reasons = json::object();
  for (std::size_t reason = 0; reason < eviction_reasons; ++reason)
    reasons[std::string(name_of(static_cast<eviction_reason>(reason)))] = tier.evictions_by_reason[reason];
  return reasons;
}

std::string tier_line(std::string name, tier_statistics const& tier) {
  name.resize(5, ' ');
  if (!tier.present) return name + "none\n";
  name += "budget " + readable_budget(tier.budget_bytes) + ", effective " + readable_budget(tier.effective_bytes);
  if (tier.peak_bytes > 0) name += ", peak " + readable_bytes(tier.peak_bytes);
  return name + "\n";
}

}  // namespace

json bytes_json(std::uint64_t bytes) { return bytes == unlimited_bytes ? json(nullptr) : json(bytes); }

json budget_json(statistics const& tiers) {
  return {{"vram", bytes_json(tiers.vram.budget_bytes)},
          {"ram", bytes_json(tiers.ram.budget_bytes)},
          {"vram_effective", bytes_json(tiers.vram.effective_bytes)},
          {"ram_effective", bytes_json(tiers.ram.effective_bytes)}};
}

json peak_json(statistics const& tiers) { return {{"vram", tiers.vram.peak_bytes}, {"ram", tiers.ram.peak_bytes}}; }

json counts_json(statistics const& counted) {
  return {{"acquires", counted.acquires},
          {"vram_hits", counted.vram_hits},
          {"vram_ahead", counted.vram_ahead},
          {"ram_hits", counted.ram_hits},
          {"disk_reads", counted.disk_reads},
          {"bytes_to_device", counted.bytes_to_device},
          {"bytes_from_disk", counted.bytes_from_disk},
          {"vram_evictions", counted.vram.evictions()},
          {"ram_evictions", counted.ram.evictions()},
          {"stall_seconds", counted.stall_seconds}};
}

json reasons_json(statistics const& counted) {
  return {{"evictions", {{"vram", by_reason(counted.vram)}, {"ram", by_reason(counted.ram)}}},
          {"ahead", {{"bytes", counted.ahead_bytes}, {"unused_bytes", counted.ahead_unused_bytes}}}};
}

std::string tier_lines(statistics const& tiers) { return tier_line("vram", tiers.vram) + tier_line("ram", tiers.ram); }

}  // namespace tierpager
