#include <tools/text.hpp>

#include <core/utf8.hpp>

namespace tierpager::tools {

namespace {

// From Hangul on a character may be two columns wide; that some are not costs a column of room.
std::size_t columns_of(char32_t character) { return character < 0x1100 ? 1 : 2; }

}  // namespace

std::size_t columns_of(std::string_view text) {
  std::size_t columns = 0;
  while (!text.empty()) {
    code_point const next = first_code_point(text);
    columns += columns_of(next.value);
    text.remove_prefix(next.bytes);
  }
  return columns;
}

std::string fitted(std::string_view text, std::size_t columns) {
  std::size_t used = 0;
  std::size_t bytes = 0;
  while (bytes < text.size()) {
    code_point const next = first_code_point(text.substr(bytes));
    used += columns_of(next.value);
    if (used > columns) break;
    bytes += next.bytes;
  }
  return std::string(text.substr(0, bytes));
}

}  // namespace tierpager::tools
