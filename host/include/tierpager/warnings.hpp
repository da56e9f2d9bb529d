// Warnings: what a user should know though nothing failed. Where they go is an option of whatever may warn; without one they
// are written to standard error.
#pragma once

#include <functional>
#include <string>

#include <tierpager/export.hpp>

namespace tierpager {

/// Takes one warning: a line without a newline, in which names are safe for a terminal. An empty function silences.
using warning_callback = std::function<void(std::string const& what)>;

/// Writes `tierpager: warning: WHAT` and a newline to standard error, in one piece. Any thread. The default of what warns.
TIERPAGER_EXPORT void write_warning(std::string const& what);

}  // namespace tierpager
