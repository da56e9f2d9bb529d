// Text for people: sizes, and names that a file chose. Pure; any thread. What scripts read is written elsewhere, with
// exact numbers.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <core/printable.hpp>
#include <core/readable_bytes.hpp>

namespace tierpager::tools {

using tierpager::printable;
/// How many columns of a terminal a printable text takes, at most.
std::size_t columns_of(std::string_view text);
/// As much of the begin of a printable text as takes no more columns.
std::string fitted(std::string_view text, std::size_t columns);

}  // namespace tierpager::tools
