// Sizes for people, in binary units and with few digits. Pure; any thread, whatever its locale. What programs read has
// exact numbers, and is written elsewhere.
#pragma once

#include <cstdint>
#include <string>

namespace tierpager {

/// "1.50 GiB", "17 B".
std::string readable_bytes(std::uint64_t bytes);
/// The same, or "unlimited" for 2^64-1.
std::string readable_budget(std::uint64_t bytes);
/// With so many decimals and a point, whatever the locale.
std::string decimal_text(double value, int decimals);

}  // namespace tierpager
