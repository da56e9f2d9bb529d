// What `--slice` says, carried out on a model's catalog: as open_options::slice, but that a wrong ROWS is wrong usage of
// the command. Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include <tierpager/catalog.hpp>

namespace tierpager::tools {

/// Each text, in turn, is GLOB or GLOB:ROWS. Throws usage_error where ROWS is none, tierpager::error as catalog::slice
/// fails.
catalog sliced(catalog tensors, std::vector<std::string> const& slices);

}  // namespace tierpager::tools
