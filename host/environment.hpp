// The one function that reads the environment. Any thread, as long as nobody changes the environment meanwhile. What a
// variable means is the caller's to say.
#pragma once

#include <optional>
#include <string>

namespace tierpager {

/// What the variable holds; an empty one counts as none.
[[nodiscard]] std::optional<std::string> environment_text(char const* name);

}  // namespace tierpager
