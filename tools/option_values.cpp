#include <tools/option_values.hpp>

#include <algorithm>
#include <charconv>
#include <limits>

#include <fmt/format.h>

namespace tierpager::tools {

namespace {

failure refuse(std::string_view text, std::string const& why) {
  return {.code = errc::invalid_argument, .what = fmt::format("'{}' is {}", text, why)};
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char each) { return each >= '0' && each <= '9'; });
}

template <class Number>
bool whole_text_is(std::string_view text, Number& number) {
  auto const [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), number);
  return wrong == std::errc{} && end == text.data() + text.size();
}

}  // namespace

result<std::uint32_t> parse_count(std::string_view text, std::uint32_t least, std::uint32_t most) {
  std::uint32_t count = 0;
  if (all_digits(text) && whole_text_is(text, count) && count >= least && count <= most) return count;
  return refuse(text, fmt::format("no whole number from {} to {}", least, most));
}

result<double> parse_number(std::string_view text, number_range const& within) {
  double number = 0;
  bool const begins = !text.empty() && (text.front() == '.' || (text.front() >= '0' && text.front() <= '9'));
  if (begins && whole_text_is(text, number) && number >= within.least && number <= within.most) return number;
  return refuse(text,
                fmt::format("no number of {} from {:g} to {:g}: 25, 0.5, 1e3", within.unit, within.least, within.most));
}

result<chosen_device> parse_device(std::string_view text) {
  if (text == "auto") return chosen_device{};
  if (text == "host") return chosen_device{.kind = device_kind::host};
  if (text == "cuda") return chosen_device{.kind = device_kind::cuda};
  std::string_view const prefix = "cuda:";
  chosen_device numbered{.kind = device_kind::cuda};
  std::string_view const number = text.substr(std::min(text.size(), prefix.size()));
  if (text.starts_with(prefix) && all_digits(number) && whole_text_is(number, numbered.ordinal)) return numbered;
  return refuse(
      text, fmt::format("none of auto, host, cuda, and cuda:N with N from 0 to {}", std::numeric_limits<int>::max()));
}

std::string why_no_output(std::string const& option, std::string const& name) {
  if (name.empty()) return "the name of a file to write is empty";
  if (name == "-" && option != "--json")
    return "only --json writes to standard output for '-'; write ./- for a file of that name";
  return "";
}

}  // namespace tierpager::tools
