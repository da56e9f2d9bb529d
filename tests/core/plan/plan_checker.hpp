// Checks a plan against what it was made for, naively: by replaying its order and by comparing every range with every
// other. Reports through GoogleTest. Shares no code with make_plan.
#pragma once

#include <cstdint>
#include <iosfwd>

#include <core/plan/plan.hpp>
#include <tierpager/catalog.hpp>

namespace tierpager::test {

/// What of a model is acquired together, or held together although acquired one by one.
enum class held : std::uint8_t { one, feed_forward, layer, layer_across_calls };

/// One pass over the model in file order.
acquire_order scan_of(catalog const& model, held sets);

/// Budgets, places, homes and bytes.
void check(plan_request const& request, memory_plan const& plan);

/// How many streaming calls share memory with the one that streams next.
std::size_t overlapping_neighbours(plan_request const& request, memory_plan const& plan);

}  // namespace tierpager::test
