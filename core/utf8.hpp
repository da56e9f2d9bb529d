// The code points of a text in UTF-8. Pure; any thread. A byte that begins none is handed out alone, so that any text can
// be walked through.
#pragma once

#include <cstddef>
#include <string_view>

namespace tierpager {

struct code_point {
  char32_t value = 0;     // of what is no UTF-8 the byte
  std::size_t bytes = 1;  // how much of the text it takes
  bool valid = false;
};

/// The first one of a text that is not empty. Overlong forms, surrogates and what lies above U+10FFFF are not valid.
[[nodiscard]] code_point first_code_point(std::string_view text);

}  // namespace tierpager
