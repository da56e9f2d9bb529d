// What stands behind an option, as a value: numbers in decimal, devices, names of files. Pure; any thread. A text that is
// no such value is refused with the values that are.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <tierpager/budget.hpp>
#include <tierpager/error.hpp>
#include <tierpager/open.hpp>

namespace tierpager::tools {

struct number_range {
  double least = 0;
  double most = 0;
  std::string_view unit;  // "GB/s"
};

/// Decimal digits, leading zeros allowed.
result<std::uint32_t> parse_count(std::string_view text, std::uint32_t least, std::uint32_t most);
/// Decimal, with a point or an exponent or neither. Not hexadecimal, NaN or infinite, and no unit.
result<double> parse_number(std::string_view text, number_range const& within);

struct chosen_device {
  device_kind kind = device_kind::automatic;
  int ordinal = 0;
};
/// auto, host, cuda, or cuda:N.
result<chosen_device> parse_device(std::string_view text);

/// Empty where the name will do for a file to write. `-` will do for --json alone.
std::string why_no_output(std::string const& option, std::string const& name);

}  // namespace tierpager::tools
