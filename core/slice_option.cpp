#include <core/slice_option.hpp>

#include <algorithm>
#include <charconv>
#include <optional>

namespace tierpager {
namespace {

// A text without a colon is all glob.
struct split_text {
  std::string_view glob;
  std::optional<std::string_view> rows;  // may be no number
};

split_text split_at_last_colon(std::string_view text) {
  std::size_t const colon = text.rfind(':');
  if (colon == std::string_view::npos) return {.glob = text, .rows = std::nullopt};
  return {.glob = text.substr(0, colon), .rows = text.substr(colon + 1)};
}

bool is_number(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char each) { return each >= '0' && each <= '9'; });
}

failure refuse(std::string_view text, std::string const& why) {
  return {.code = errc::invalid_argument, .what = "slice '" + std::string(text) + "': " + why};
}

}  // namespace

result<slice_option> parse_slice(std::string_view text) {
  auto const [glob, rows] = split_at_last_colon(text);
  bool const numbered = rows && is_number(*rows);
  if ((numbered ? glob : text).empty()) return refuse(text, "names no tensor");
  if (!numbered) return slice_option{.glob = std::string(text)};
  slice_option asked{.glob = std::string(glob)};
  if (std::from_chars(rows->data(), rows->data() + rows->size(), asked.rows).ec != std::errc{})
    return refuse(text, "more than 2^64-1 rows");
  if (asked.rows > 0) return asked;
  return refuse(text, "a slice has at least 1 row; for a tensor of that name write '" + std::string(text) + ":1'");
}

result<slice_option> parse_slice(std::string_view text, catalog const& tensors) {
  auto const [glob, rows] = split_at_last_colon(text);
  bool const may_be_rows = rows && !is_number(*rows);
  if (may_be_rows && tensors.match(text).empty() && !tensors.match(glob).empty())
    return refuse(text, "'" + std::string(*rows) + "' is no number of rows");
  return parse_slice(text);
}

}  // namespace tierpager
