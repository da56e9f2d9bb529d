// The partition for an order that is known, as `plan` reports it: asked of the core's planner for empty tiers. Pure; any
// thread. What a pager does with a plan is found out by playing passes, not here.
#pragma once

#include <optional>
#include <vector>

#include <core/plan.hpp>
#include <tools/order_file.hpp>
#include <tools/virtual_pager.hpp>

namespace tierpager::tools {

/// None where the passes differ, or where no partition helps. `tiers` says which budgets bind.
std::optional<memory_plan> partition_for(catalog const& tensors, virtual_pager_options const& options,
                                         std::vector<pass_order> const& passes, statistics const& tiers);

}  // namespace tierpager::tools
