// `tierpager run`: pages a model through passes and reports what moved. One thread of its own; the pager has others.
#pragma once

#include <tools/options.hpp>

namespace tierpager::tools {

/// Throws tierpager::error. What was asked for is written first where a check found a mismatch, not at all where the
/// run failed or was interrupted.
void run(run_options const& options);

}  // namespace tierpager::tools
