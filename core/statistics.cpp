#include <tierpager/statistics.hpp>

#include <core/readable_bytes.hpp>
#include <core/statistics_parts.hpp>

namespace tierpager {
namespace {

nlohmann::ordered_json memory_json(tier_statistics const& tier) {
  return {{"present", tier.present},
          {"least_bytes", tier.least_bytes},
          {"pending_bytes", tier.pending_bytes},
          {"committed_bytes", tier.committed_bytes},
          {"peak_allocated_bytes", tier.peak_allocated_bytes},
          {"resident_bytes", tier.resident_bytes},
          {"resident_tensors", tier.resident_tensors},
          {"last_resorts", tier.last_resorts},
          {"refused_commits", tier.refused_commits},
          {"quarantined_bytes", tier.quarantined_bytes}};
}

std::string evictions_text(tier_statistics const& tier) {
  std::string text;
  for (std::size_t reason = 0; reason < eviction_reasons; ++reason) {
    if (tier.evictions_by_reason[reason] == 0) continue;
    text += text.empty() ? " (" : ", ";
    text += name_of(static_cast<eviction_reason>(reason));
    text += " " + std::to_string(tier.evictions_by_reason[reason]);
  }
  return std::to_string(tier.evictions()) + text + (text.empty() ? "" : ")");
}

std::string resident_text(tier_statistics const& tier) {
  return std::to_string(tier.resident_tensors) + ", " + readable_bytes(tier.resident_bytes);
}

}  // namespace

std::string to_json(statistics const& now) {
  nlohmann::ordered_json all{{"budget", budget_json(now)}, {"peak", peak_json(now)}};
  all.update(counts_json(now));
  all.update(reasons_json(now));
  all["failed_loads"] = now.failed_loads;
  all["waiting_acquires"] = now.waiting_acquires;
  all["ram_is_page_locked"] = now.ram_is_page_locked;
  all["memory"] = {{"vram", memory_json(now.vram)}, {"ram", memory_json(now.ram)}};
  return all.dump();
}

std::string to_string(statistics const& now) {
  std::string text = tier_lines(now);
  text += "resident tensors: VRAM " + resident_text(now.vram) + "; RAM " + resident_text(now.ram) +
          (now.ram_is_page_locked ? ", page-locked\n" : ", not page-locked\n");
  text += std::to_string(now.acquires) + " acquires: " + std::to_string(now.vram_hits) + " VRAM hits (" +
          std::to_string(now.vram_ahead) + " by loads ahead), " + std::to_string(now.ram_hits) + " RAM hits, " +
          std::to_string(now.disk_reads) + " disk reads\n";
  text += "moved: " + readable_bytes(now.bytes_to_device) + " to the device, " + readable_bytes(now.bytes_from_disk) +
          " from disk; ahead " + readable_bytes(now.ahead_bytes) + ", of these unused " +
          readable_bytes(now.ahead_unused_bytes) + "\n";
  text += "evictions: VRAM " + evictions_text(now.vram) + "; RAM " + evictions_text(now.ram) + "\n";
  text += "stalled " + decimal_text(now.stall_seconds, 3) + " s; " + std::to_string(now.waiting_acquires) +
          " acquires wait; " + std::to_string(now.failed_loads) + " failed loads\n";
  return text;
}

}  // namespace tierpager
