// Text for people: sizes, and names that a file chose. Pure; any thread. What scripts read is written elsewhere, with
// exact numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <core/printable.hpp>

namespace tierpager::tools {

/// "1.5 GiB", "17 B".
std::string readable_bytes(std::uint64_t bytes);
/// The same, or "unlimited" for 2^64-1.
std::string readable_budget(std::uint64_t bytes);

using tierpager::printable;
/// How many columns of a terminal a printable text takes, at most.
std::size_t columns_of(std::string_view text);
/// As much of the begin of a printable text as takes no more columns.
std::string fitted(std::string_view text, std::size_t columns);

}  // namespace tierpager::tools
