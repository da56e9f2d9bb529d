// Passes played on a pager without bytes: what each would move, and how long it would take. Pure, one thread, the same
// every time.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include <tools/model_facts.hpp>
#include <tools/report.hpp>
#include <tools/schedule.hpp>
#include <tools/virtual_pager.hpp>

namespace tierpager::tools {

struct simulation {
  std::vector<pass_report> passes;
  statistics last;                  // at the end
  std::optional<memory_plan> plan;  // what was in force at the end
  std::vector<event> events;        // where they are to be recorded
};

/// Called with the bytes of each acquire.
using simulated_step = std::function<void(std::uint64_t bytes)>;

/// Each tensor is acquired, computed with for its share of the pass's bytes, and released. A pass's seconds run from the
/// end of the work of the pass before it to the end of its own: on the device, as the caller runs ahead.
simulation simulate(catalog const& tensors, virtual_pager_options const& options, schedule const& passes,
                    simulated_step const& step);

/// One pass of an order that comes again and again; the mean where an order file has several.
struct steady_pass {
  double seconds = 0;
  std::uint64_t to_device_bytes = 0;
  std::uint64_t from_disk_bytes = 0;
  statistics last;  // at the end
};

/// Plays the orders again and again until what they move no longer changes, or often enough to give up.
steady_pass simulate_steady(catalog const& tensors, virtual_pager_options const& options, schedule const& passes);

/// What such a pager's refusals would name. Throws tierpager::error where its pins do not fit.
least_budgets find_least_budgets(catalog const& tensors, virtual_pager_options const& options);

/// What each pass would move. Throws tierpager::error where such a pager would.
std::vector<pass_bytes> simulate_bytes(catalog const& tensors, virtual_pager_options const& options,
                                       schedule const& passes);

}  // namespace tierpager::tools
