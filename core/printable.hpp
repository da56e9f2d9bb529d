// Text that a file chose, made fit for a line on a terminal. Pure; any thread. What scripts read, as a trace or JSON, has rules
// of its own.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tierpager {

/// The text on one line, in the order and with the characters that it has: what a terminal would obey, reorder or not show is
/// written out. Control characters become `\x1b`; line and paragraph separators, marks that change the direction of the
/// text, and characters without a width `\u202e`; a byte that is not UTF-8 `\xff`.
[[nodiscard]] std::string printable(std::string_view text);

/// The text, or its begin and end around a mark that says how much is missing: at most so many bytes, and at least 64.
[[nodiscard]] std::string shortened(std::string text, std::size_t bytes_max);

}  // namespace tierpager
