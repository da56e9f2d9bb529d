// What `auto` means for a tier's budget, and the one place where the environment is read. Any thread. Reads the
// system's own files anew on each call; allocates no memory of either tier.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include <tierpager/device.hpp>
#include <tierpager/error.hpp>

namespace tierpager {

/// Bytes this process could still take before the kernel would refuse or kill: the least of MemAvailable and the room in
/// each memory cgroup (v1 or v2) that it is in, page cache that can be dropped counted as room. `root` is "/" but in
/// tests. Nothing where no file of all these can be read.
[[nodiscard]] std::optional<std::uint64_t> ram_headroom_bytes(std::filesystem::path const& root = "/");

/// Three quarters of that headroom: page-locked memory cannot be reclaimed, and the files read need page cache.
[[nodiscard]] std::uint64_t auto_ram_bytes(std::filesystem::path const& root = "/");

/// What is free on the device less a tenth, at least 512 MiB, for the caller's activations and the driver's own needs;
/// half of what is free where that is less than 1 GiB.
[[nodiscard]] result<std::uint64_t> auto_vram_bytes(device& on);

/// Budgets from TIERPAGER_VRAM and TIERPAGER_RAM, unparsed; an empty variable counts as none.
struct environment_budget_texts {
  std::optional<std::string> vram, ram;
};
[[nodiscard]] environment_budget_texts environment_budgets();

}  // namespace tierpager
