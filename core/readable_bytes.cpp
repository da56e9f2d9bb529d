#include <core/readable_bytes.hpp>

#include <array>
#include <charconv>
#include <string_view>

#include <tierpager/budget.hpp>

namespace tierpager {

std::string readable_bytes(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 5> units{"KiB", "MiB", "GiB", "TiB", "PiB"};
  if (bytes < 1024) return std::to_string(bytes) + " B";
  auto value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < units.size(); ++unit) value /= 1024;
  return decimal_text(value, value < 10 ? 2 : 1).append(" ").append(units.at(unit));
}

std::string readable_budget(std::uint64_t bytes) {
  return bytes == unlimited_bytes ? "unlimited" : readable_bytes(bytes);
}

std::string decimal_text(double value, int decimals) {
  std::array<char, 400> text{};  // the largest double has 309 digits before its point
  auto const [end, code] =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed, decimals);
  return code == std::errc() ? std::string(text.data(), end) : std::string("?");
}

}  // namespace tierpager
