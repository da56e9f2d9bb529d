// The checksum of checksum.hpp over memory: what the host device runs where a GPU reduces in parallel. Pure; any thread.
// Allocates nothing.
#pragma once

#include <cstdint>
#include <span>

namespace tierpager {

[[nodiscard]] std::uint64_t host_checksum(std::span<std::byte const> data);

}  // namespace tierpager
