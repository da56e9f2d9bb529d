// Orders, and what plans depend on: pins and budgets; loads ahead; the record of what was decided.
#include <new>
#include <utility>

#include <host/executor.hpp>

namespace tierpager {

// The thread whose call asked for a plan makes it, without the lock; others go on meanwhile.
void executor::dispatch_and_plan() {
  dispatch();
  while (!plans_.empty()) {
    auto question = std::move(plans_.front().question);
    plans_.pop_front();
    mutex_.unlock();
    std::uint64_t const epoch = question->epoch;
    std::optional<memory_plan> plan;
    try {
      plan = make_plan(*question);
    } catch (std::bad_alloc const&) {  // NOLINT(bugprone-empty-catch): without a plan the policy decides
    }
    question.reset();  // large: freed without the lock
    mutex_.lock();
    core_->planned(epoch, std::move(plan));
    dispatch();
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
  auto cycle = access_cycle::of(std::move(order), tensors_.size());  // made without the lock
  scoped_lock const lock(mutex_);
  core_->set_order(std::move(cycle));
  dispatch_and_plan();
}

void executor::prefetch(std::span<tensor_id const> ids) {
  for (tensor_id id : ids) check_id(id);
  scoped_lock const lock(mutex_);
  core_->prefetch(ids);
  dispatch();
}

void executor::pin(std::span<tensor_id const> ids, tier where) {
  scoped_lock const lock(mutex_);
  status const done = core_->pin(ids, where);
  dispatch_and_plan();
  value_or_throw(done);
}

void executor::unpin(std::span<tensor_id const> ids, tier where) {
  for (tensor_id id : ids) check_id(id);
  scoped_lock const lock(mutex_);
  core_->unpin(ids, where);
  dispatch_and_plan();
}

budget_report executor::set_budget(tier where, budget const& to) {
  if (to.what() == budget::kind::none)
    throw error({.code = errc::invalid_argument, .what = "a tier cannot be removed while the pager is open"});
  std::uint64_t const bytes = resolve(where, to);
  scoped_lock const lock(mutex_);
  status const done = core_->set_budget(where, bytes);
  dispatch_and_plan();
  value_or_throw(done);
  statistics const now = core_->stats();
  tier_statistics const& one = where == tier::vram ? now.vram : now.ram;
  return {.effective_bytes = one.effective_bytes, .pending_bytes = one.pending_bytes};
}

std::vector<event> executor::take_events() {
  scoped_lock const lock(mutex_);
  return std::exchange(events_, {});
}

void executor::note_event(event const& one) {
  if (record_events_) events_.push_back(one);
}

}  // namespace tierpager
