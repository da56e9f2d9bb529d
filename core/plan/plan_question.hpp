// What a plan is wanted for: the order that is followed, and what stood where when it was asked. Taken under the pager's lock, so it
// shares what does not change; what follows from that is left to make_plan, which any thread may call without the lock.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <core/plan/plan.hpp>

namespace tierpager {

struct plan_question {
  using sizes = std::shared_ptr<std::vector<std::uint64_t> const>;
  std::uint64_t epoch = 0;  // counts the orders and the changes of budgets and pins; the answer names it
  std::shared_ptr<acquire_order const> order;
  sizes vram_bytes, ram_bytes;
  std::vector<std::uint64_t> vram_now;  // per tensor: VRAM offset; memory_plan::no_place where it does not live there
  std::vector<std::uint64_t> ram_now;   // the same of RAM
  plan_request request;                 // all but these
};
std::optional<memory_plan> make_plan(plan_question const& asked);

}  // namespace tierpager
