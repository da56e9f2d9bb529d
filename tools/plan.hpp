// `tierpager plan`: what paging a model would move and how long it would take, found by the same core on a machine that
// is not there. Opens no device, reads no tensor; a raw manifest's files need not exist. Called on the main thread.
#pragma once

#include <cstdint>
#include <vector>

#include <tools/options.hpp>
#include <tools/temporary_files.hpp>

namespace tierpager::tools {

/// Throws tierpager::error, or usage_error where a budget cannot be known without a device.
void plan(plan_options const& options, temporary_files& temporaries);

/// The budgets of a sweep in ascending order: whole steps from `vram_bytes`, above 0, up to one that holds all.
/// Throws usage_error where that would be more than ten thousand.
std::vector<std::uint64_t> sweep_budgets(std::uint64_t vram_bytes, std::uint64_t step_bytes, std::uint64_t all_bytes);

}  // namespace tierpager::tools
