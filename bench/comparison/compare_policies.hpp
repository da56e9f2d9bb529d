// Plays a known sequence of passes through two textbook tiers of one policy and counts. For comparison only: no pins,
// nothing in use, no buffer. Pure; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <tierpager/types.hpp>

namespace tierpager::tools {

/// What `--policy all` prints beside the pager's own.
inline constexpr std::string_view comparison_policies[] = {"lru",   "sieve", "s3fifo", "arc",
                                                           "lfu-2", "lfu-8", "lfu-32", "belady"};

struct comparison_counts {
  std::uint64_t acquires = 0;
  std::uint64_t vram_hits = 0;
  std::uint64_t ram_hits = 0;
  std::uint64_t disk_reads = 0;
  std::uint64_t bytes_to_device = 0;
  std::uint64_t bytes_from_disk = 0;
  std::uint64_t vram_evictions = 0;
  std::uint64_t ram_evictions = 0;
  friend bool operator==(comparison_counts const&, comparison_counts const&) = default;
};

struct comparison_budgets {
  std::uint64_t vram_bytes = 0;
  std::uint64_t ram_bytes = 0;  // 0: what misses VRAM is read from disk
};

/// One element a pass. The RAM tier sees only what misses VRAM, and keeps its copy of what goes there. `policy` is one of
/// `comparison_policies` or another "lfu-N". With "belady", which can know which tier will need what, tiers are exclusive:
/// VRAM evicts by the future in its budget, and what is read from disk is what misses one such cache of both budgets'
/// sum; a bound for either link, which no single schedule need reach at once.
std::vector<comparison_counts> compare_policy(std::string_view policy, comparison_budgets budgets,
                                              std::span<std::uint64_t const> tensor_bytes,
                                              std::span<std::vector<tensor_id> const> passes);

}  // namespace tierpager::tools
