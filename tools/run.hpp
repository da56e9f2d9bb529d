// `tierpager run`: pages a model through passes, as inference would, and reports what moved. Called on the main thread,
// which acquires; the pager has threads of its own.
#pragma once

#include <tools/options.hpp>
#include <tools/temporary_files.hpp>

namespace tierpager::tools {

/// Throws tierpager::error. What was asked for is written first where a check found a mismatch, not at all where the
/// run failed or was interrupted.
void run(run_options const& options, temporary_files& temporaries);

}  // namespace tierpager::tools
