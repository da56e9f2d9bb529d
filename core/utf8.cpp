#include <core/utf8.hpp>

#include <array>

namespace tierpager {

code_point first_code_point(std::string_view text) {
  auto const byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  unsigned const first = byte(0);
  code_point const alone{.value = first, .bytes = 1, .valid = false};
  if (first < 0x80) return {.value = first, .bytes = 1, .valid = true};
  std::size_t const bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < bytes) return alone;
  char32_t value = first & (0xffU >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0U) != 0x80U) return alone;
    value = value << 6U | (byte(i) & 0x3fU);
  }
  constexpr std::array<char32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
  bool const surrogate = value >= 0xd800 && value < 0xe000;
  if (value < least.at(bytes) || surrogate || value > 0x10ffff) return alone;
  return {.value = value, .bytes = bytes, .valid = true};
}

}  // namespace tierpager
