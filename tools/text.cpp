#include <tools/text.hpp>

#include <array>

#include <fmt/format.h>

#include <tierpager/budget.hpp>

namespace tierpager::tools {

std::string readable_bytes(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 5> units{"KiB", "MiB", "GiB", "TiB", "PiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  auto value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < units.size(); ++unit) value /= 1024;
  return fmt::format("{:.{}f} {}", value, value < 10 ? 2 : 1, units.at(unit));
}

std::string readable_budget(std::uint64_t bytes) {
  return bytes == unlimited_bytes ? "unlimited" : readable_bytes(bytes);
}

std::string printable(std::string_view text) {
  std::string line;
  line.reserve(text.size());
  for (char const character : text) {
    auto const code = static_cast<unsigned char>(character);
    if (code < 0x20 || code == 0x7f) {
      line += fmt::format("\\x{:02x}", code);
    } else {
      line += character;
    }
  }
  return line;
}

}  // namespace tierpager::tools
