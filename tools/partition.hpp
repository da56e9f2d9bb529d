// The partition for an order that is known, as `plan` reports it where the passes it played led to none: what a pager
// whose tiers are empty would make of it. Pure; any thread. What comes of a plan is found out by playing passes, not here.
#pragma once

#include <optional>
#include <vector>

#include <core/plan/plan.hpp>
#include <tools/order_file.hpp>
#include <tools/virtual_pager.hpp>

namespace tierpager::tools {

/// None where the passes differ, or where no partition helps.
std::optional<memory_plan> partition_for(catalog const& tensors, virtual_pager_options const& options,
                                         std::vector<pass_order> const& passes);

}  // namespace tierpager::tools
