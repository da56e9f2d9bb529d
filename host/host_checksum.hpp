// The checksum of checksum.hpp by Thrust's sequential CPU backend: what the host device runs where a GPU would run the
// same reduction. Pure; any thread. Allocates nothing.
#pragma once

#include <cstdint>
#include <span>

namespace tierpager {

[[nodiscard]] std::uint64_t host_checksum(std::span<std::byte const> data);

}  // namespace tierpager
