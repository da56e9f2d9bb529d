// What a plan is made from: the order that is followed, the budgets, the pins, and what lies where at this moment. Copied under the
// pager's lock; the plan is made from the copy without it, while callers go on.
#pragma once

#include <memory>

#include <core/plan/plan_question.hpp>
#include <core/residency/ledger.hpp>

namespace tierpager {

/// For the question that the cursor has taken. Linear in the number of tensors.
std::shared_ptr<plan_question const> plan_snapshot(ledger const& now, plan_cursor::question asked);

}  // namespace tierpager
