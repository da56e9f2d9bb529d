// Which version these headers are of, for the preprocessor and for code, and which the library is that is linked. Any thread.
// CMake reads the three numbers from here.
#pragma once

#include <string_view>

#include <tierpager/export.hpp>

/// Before 1.0 it stays 0.
#define TIERPAGER_VERSION_MAJOR 0
/// Before 1.0 a higher one may break programs.
#define TIERPAGER_VERSION_MINOR 2
/// A higher one breaks nothing.
#define TIERPAGER_VERSION_PATCH 0
/// 10000 * major + 100 * minor + patch, to be compared: `#if TIERPAGER_VERSION >= 200`.
#define TIERPAGER_VERSION (TIERPAGER_VERSION_MAJOR * 10000 + TIERPAGER_VERSION_MINOR * 100 + TIERPAGER_VERSION_PATCH)

namespace tierpager {

/// "0.2.0": of the library that the program runs with, which may be shared and newer than the headers.
[[nodiscard]] TIERPAGER_EXPORT std::string_view library_version() noexcept;

}  // namespace tierpager
