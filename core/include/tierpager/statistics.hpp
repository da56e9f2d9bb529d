// What the pager counted since it was opened. A snapshot: plain values, any thread.
// It does not change once taken; ask the pager again.
#pragma once

#include <array>
#include <cstdint>
#include <numeric>
#include <string>
#include <string_view>

#include <tierpager/export.hpp>

namespace tierpager {

/// Why a tensor left a tier.
enum class eviction_reason : std::uint8_t {
  room,           // another tensor needed room
  budget,         // the tier's budget was lowered
  plan,           // under a plan its place is another tensor's
  promoted,       // RAM: there was a copy in VRAM, so it went first
  fragmentation,  // there was room for another tensor, but not in one piece
};
/// How many reasons there are.
inline constexpr std::size_t eviction_reasons = 5;

/// As the command and its JSON spell it.
constexpr std::string_view name_of(eviction_reason why) {
  constexpr std::array<std::string_view, eviction_reasons> names{"room", "budget", "plan", "promoted", "fragmentation"};
  return names[static_cast<std::size_t>(why)];
}

/// One tier: what it may hold, what it holds, and what left it.
struct tier_statistics {
  bool present = false;               // false: the budget was `none`
  std::uint64_t budget_bytes = 0;     // asked for; 2^64-1 if unlimited
  std::uint64_t least_bytes = 0;      // that work: where this is more than was asked for, it is effective
  std::uint64_t effective_bytes = 0;  // what binds: never exceeded by `committed_bytes`
  std::uint64_t pending_bytes =
      0;  // above a lowered budget: given back once handles, and the work behind them, are done
  std::uint64_t committed_bytes = 0;       // memory held from the system now
  std::uint64_t peak_bytes = 0;            // the most that `committed_bytes` ever was
  std::uint64_t peak_allocated_bytes = 0;  // the most that tensors, staging and scratch ever took of it
  std::uint64_t last_resorts =
      0;  // how often memory was mapped elsewhere, since what is held left no room in one piece
  std::uint64_t resident_bytes = 0;     // sum of resident tensors' own sizes
  std::uint64_t resident_tensors = 0;   // how many, pinned ones among them
  std::uint64_t refused_commits = 0;    // each lowered `effective_bytes` to what the system had given until then
  std::uint64_t quarantined_bytes = 0;  // not reused until the order of a failed call is proved
  std::array<std::uint64_t, eviction_reasons> evictions_by_reason{};  // indexed by eviction_reason
  /// Of all reasons together.
  [[nodiscard]] std::uint64_t evictions() const {
    return std::accumulate(evictions_by_reason.begin(), evictions_by_reason.end(), std::uint64_t{0});
  }
};

/// Both tiers, and what moved between them since the pager was made.
struct statistics {
  tier_statistics vram;             // the device tier
  tier_statistics ram;              // the host tier
  bool ram_is_page_locked = false;  // false: the system refused, as a warning has said
  // Per tensor acquired for the device, exactly one of the next three; acquire_host counts only ram_hits, disk_reads.
  std::uint64_t acquires = 0;    // tensors, however many were acquired at once
  std::uint64_t vram_hits = 0;   // resident or already on its way: no new copy
  std::uint64_t ram_hits = 0;    // no disk read
  std::uint64_t disk_reads = 0;  // tensors, not chunks
  /// Of vram_hits: those that a load ahead made, which began after the last use of the tensor and before this one was asked
  /// for. The others were resident since an earlier use, or are on their way for another caller.
  std::uint64_t vram_ahead = 0;
  // Both count a load's bytes when it is begun; what a load that failed or was given up did not move is taken off.
  std::uint64_t bytes_to_device = 0;     // RAM to VRAM
  std::uint64_t bytes_from_disk = 0;     // source to RAM
  std::uint64_t ahead_bytes = 0;         // of bytes_to_device: loaded before they were asked for
  std::uint64_t ahead_unused_bytes = 0;  // of these: left VRAM, or were given up, before anybody asked for them
  std::uint64_t failed_loads = 0;        // each left its tensor as it was
  std::uint64_t waiting_acquires = 0;    // calls that are blocked in acquire now
  /// How long callers were blocked in acquire after their stream had run dry, which is once its last fence had passed: a
  /// caller that is held up while its stream still has work loses nothing. In acquire_host, which has no stream, all of the
  /// wait counts. The sum over all threads.
  double stall_seconds = 0;
};

/// Several lines for people, each ended by a newline.
TIERPAGER_EXPORT std::string to_string(statistics const& now);
/// One JSON object on one line, in bytes and seconds. What the reports of the command say too has the same key: "budget",
/// "peak", those of a pass ("acquires" to "stall_seconds"), "evictions", "ahead"; a budget that is unlimited is null.
TIERPAGER_EXPORT std::string to_json(statistics const& now);

}  // namespace tierpager
