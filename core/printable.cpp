#include <core/printable.hpp>

#include <algorithm>
#include <array>

#include <core/utf8.hpp>

namespace tierpager {
namespace {

struct range {
  char32_t first, last;
};

// Controls, line ends, marks of direction, and what takes no room of its own. Marks that combine with a letter stay.
constexpr std::array unseen{
    range{0x0000, 0x001f},   range{0x007f, 0x009f},   range{0x00ad, 0x00ad},  range{0x034f, 0x034f},
    range{0x061c, 0x061c},   range{0x115f, 0x1160},   range{0x17b4, 0x17b5},  range{0x180b, 0x180f},
    range{0x200b, 0x200f},   range{0x2028, 0x202e},   range{0x2060, 0x206f},  range{0x3164, 0x3164},
    range{0xfe00, 0xfe0f},   range{0xfeff, 0xfeff},   range{0xffa0, 0xffa0},  range{0xfff0, 0xfffb},
    range{0x1bca0, 0x1bca3}, range{0x1d173, 0x1d17a}, range{0xe0000, 0xe0fff}};

bool is_unseen(char32_t value) {
  return std::any_of(unseen.begin(), unseen.end(),
                     [&](range const& each) { return value >= each.first && value <= each.last; });
}

void append_hexadecimal(std::string& to, char32_t value, unsigned digits) {
  constexpr std::string_view all = "0123456789abcdef";
  while (digits-- > 0) to += all[value >> (4 * digits) & 0xfU];
}

bool continues_character(char byte) { return (static_cast<unsigned char>(byte) & 0xc0U) == 0x80U; }

}  // namespace

std::string printable(std::string_view text) {
  std::string safe;
  safe.reserve(text.size());
  while (!text.empty()) {
    code_point const next = first_code_point(text);
    if (!next.valid || (next.value < 0x80 && is_unseen(next.value))) {
      safe += "\\x";
      append_hexadecimal(safe, next.value, 2);
    } else if (is_unseen(next.value)) {
      bool const is_long = next.value > 0xffff;
      safe += is_long ? "\\U" : "\\u";
      append_hexadecimal(safe, next.value, is_long ? 8 : 4);
    } else {
      safe += text.substr(0, next.bytes);
    }
    text.remove_prefix(next.bytes);
  }
  return safe;
}

std::string shortened(std::string text, std::size_t bytes_max) {
  constexpr std::size_t mark_bytes_max = 40;
  constexpr std::size_t bytes_min = 64;
  if (text.size() <= std::max(bytes_max, bytes_min)) return text;
  std::size_t const kept = std::max(bytes_max, bytes_min) - mark_bytes_max;
  std::size_t begin = kept / 2;
  std::size_t end = text.size() - kept / 2;
  while (begin > 0 && continues_character(text[begin])) --begin;
  while (end < text.size() && continues_character(text[end])) ++end;
  return text.replace(begin, end - begin, "...[" + std::to_string(end - begin) + " bytes left out]...");
}

}  // namespace tierpager
