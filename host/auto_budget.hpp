// What `auto` means for a tier's budget, and what the environment says of it. Any thread. Reads the system's
// own files anew on each call; allocates no memory of either tier.
#pragma once

#include <cstdint>
#include <filesystem>

#include <tierpager/budget.hpp>
#include <tierpager/device.hpp>
#include <tierpager/error.hpp>
#include <tierpager/types.hpp>

namespace tierpager {

/// Bytes this process could still take before the kernel would refuse or kill: the least of what the machine has available
/// and of the room in each memory cgroup (v1 or v2) that the process is in. Page cache counts as room, but for what has yet
/// to be written. `root` is "/" but in tests. Where the kernel's files cannot be read: what is free.
[[nodiscard]] std::uint64_t ram_headroom_bytes(std::filesystem::path const& root = "/");

/// Three quarters of that headroom: page-locked memory cannot be reclaimed, and the files read need page cache.
[[nodiscard]] std::uint64_t auto_ram_bytes(std::filesystem::path const& root = "/");

/// What is free on the device less a tenth, at least 512 MiB, for the caller's activations and the driver's own needs;
/// half of what is free where that is less than 1 GiB.
[[nodiscard]] result<std::uint64_t> auto_vram_bytes(device& on);

/// What the other tier may come to hold, and holds.
struct tier_claim {
  std::uint64_t budget_bytes = 0;
  std::uint64_t whole_bytes = 0;  // all that the model needs there
  std::uint64_t held_bytes = 0;
};
/// The budget of a tier on `auto` that holds `held_bytes` now. Where both tiers lie in RAM, their budgets are no more together
/// than auto_ram_bytes() and what they hold; of an `other` that alone is more, what the model needs counts.
[[nodiscard]] result<std::uint64_t> auto_bytes(device& on, tier where, std::uint64_t held_bytes,
                                               tier_claim const& other);

/// The budget asked for; instead of `auto` the one that TIERPAGER_VRAM or TIERPAGER_RAM names, if it is set and not empty.
/// Throws `invalid_argument` with the variable's name where that is no budget.
[[nodiscard]] budget named_budget(tier where, budget const& asked);

}  // namespace tierpager
