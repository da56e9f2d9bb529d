// Shell globs over names in UTF-8: `*`, `?`, `[abc]`, `[a-z]`, `[!abc]`, classes as `[[:digit:]]`, and `\` before a character
// that stands for itself. `?` and `[...]` are one character, whatever bytes it takes. '/' and a leading '.' are ordinary; a `[`
// that nothing closes is one too. Pure; any thread.
#pragma once

#include <string_view>

namespace tierpager {

/// Whether the whole text is such as the glob says. Takes time in proportion to both sizes multiplied, at most.
[[nodiscard]] bool matches_glob(std::string_view text, std::string_view glob);

}  // namespace tierpager
