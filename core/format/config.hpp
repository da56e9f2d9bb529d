// The config.json beside a safetensors model: its members as key_values. Pure; any thread. Takes at most some eight times its
// text in memory, whatever it says.
#pragma once

#include <string_view>

#include <tierpager/key_values.hpp>

namespace tierpager {

inline constexpr std::uint64_t config_bytes_max = std::uint64_t{1} << 20U;

/// Empty where the text is not strict JSON, no object, or would take too much in this form.
[[nodiscard]] key_values read_config(std::string_view text);

}  // namespace tierpager
