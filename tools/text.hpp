// Text for people: sizes, and names that a file chose. Pure; any thread. What scripts read is written elsewhere, with
// exact numbers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tierpager::tools {

/// "1.5 GiB", "17 B".
std::string readable_bytes(std::uint64_t bytes);
/// The same, or "unlimited" for 2^64-1.
std::string readable_budget(std::uint64_t bytes);
/// The text on one line: control characters become `\xNN`, so that a name in a file cannot command the terminal.
std::string printable(std::string_view text);

}  // namespace tierpager::tools
