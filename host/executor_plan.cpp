// Orders, plans, loads ahead, and the record of what was decided.
#include <new>
#include <utility>

#include <host/executor.hpp>

namespace tierpager {

// Who changed the course makes the plan, on a snapshot and without the lock; others go on meanwhile.
void executor::plan_if_wanted() {
  while (auto const question = core_->take_plan_question()) {
    mutex_.unlock();
    std::optional<memory_plan> plan;
    try {
      plan = make_plan(question->request);
    } catch (std::bad_alloc const&) {  // NOLINT(bugprone-empty-catch): without a plan the policy decides
    }
    mutex_.lock();
    core_->planned(question->epoch, std::move(plan));
  }
}

void executor::set_order(std::span<tensor_id const> ids) {
  acquire_order order;
  for (tensor_id id : ids) {
    check_id(id);
    order.entries.push_back({.id = id, .call = order.calls, .until = order.calls + 1});
    ++order.calls;
  }
  declare(std::move(order));
}

void executor::set_order(std::span<std::vector<tensor_id> const> sets) {
  acquire_order order;
  for (std::vector<tensor_id> const& set : sets) {
    for (tensor_id id : set) {
      check_id(id);
      order.entries.push_back({.id = id, .call = order.calls, .until = order.calls + 1});
    }
    if (!set.empty()) ++order.calls;
  }
  declare(std::move(order));
}

void executor::declare(acquire_order order) {
  scoped_lock const lock(mutex_);
  core_->set_order(std::move(order));
  plan_if_wanted();
  dispatch();
}

void executor::prefetch(std::span<tensor_id const> ids) {
  for (tensor_id id : ids) check_id(id);
  scoped_lock const lock(mutex_);
  core_->prefetch(ids);
  dispatch();
}

std::vector<event> executor::take_events() {
  scoped_lock const lock(mutex_);
  return std::exchange(events_, {});
}

void executor::note_event(event const& one) {
  if (record_events_) events_.push_back(one);
}

}  // namespace tierpager
