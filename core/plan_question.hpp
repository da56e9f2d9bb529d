// What a plan is to be made for: the order, and what stands where. A plain value, filled by residency::take_plan_question and
// note_further under the lock; the plan is made without it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include <core/plan.hpp>

namespace tierpager {

struct plan_question {
  std::uint64_t epoch;
  std::shared_ptr<acquire_order const> order;
  plan_request request;  // all but the order, which may be long
};

/// Of a question whose tensors have all been noted.
std::optional<memory_plan> make_plan(plan_question asked);

}  // namespace tierpager
