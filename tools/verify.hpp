// `tierpager verify`: every tensor of a model through both tiers, held against the file. Called on the main thread, which
// acquires; the pager has threads of its own.
#pragma once

#include <tools/options.hpp>

namespace tierpager::tools {

/// Prints one line; throws tierpager::error naming the first tensor that differs.
void verify(verify_options const& options);

}  // namespace tierpager::tools
