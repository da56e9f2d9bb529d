// Orders, and what plans depend on: pins and budgets; loads ahead; the record of what was decided.
#include <new>
#include <utility>

#include <host/executor.hpp>

namespace tierpager {

// Who changed the course makes the plan, on a snapshot and without the lock; others go on meanwhile.
void executor::plan_if_wanted() {
  finish();
  while (core_->wants_plan()) {
    auto question = core_->take_plan_question();
    if (!question) return;
    while (core_->note_further(*question)) mutex_.give_way();
    mutex_.unlock();
    std::uint64_t const epoch = question->epoch;
    std::optional<memory_plan> plan;
    try {
      plan = make_plan(std::move(*question));
    } catch (std::bad_alloc const&) {  // NOLINT(bugprone-empty-catch): without a plan the policy decides
    }
    mutex_.lock();
    core_->planned(epoch, std::move(plan));
    finish();
  }
}

// Bit by bit, others come in between. One thread at a time: what another leaves unfinished meanwhile is that one's too.
void executor::finish() {
  if (!core_->is_unfinished() || finishes_) return;
  finishes_ = true;
  try {
    while (core_->finish_some()) mutex_.give_way();
  } catch (...) {  // what is left is left to the next caller
    finishes_ = false;
    throw;
  }
  finishes_ = false;
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
  plan_if_wanted();
  dispatch();
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
  plan_if_wanted();
  dispatch();
  value_or_throw(done);
}

void executor::unpin(std::span<tensor_id const> ids, tier where) {
  for (tensor_id id : ids) check_id(id);
  scoped_lock const lock(mutex_);
  core_->unpin(ids, where);
  plan_if_wanted();
  dispatch();
}

budget_report executor::set_budget(tier where, budget const& to) {
  if (to.what() == budget::kind::none)
    throw error({.code = errc::invalid_argument, .what = "a tier cannot be removed while the pager is open"});
  std::uint64_t const bytes = resolve(where, to);
  scoped_lock const lock(mutex_);
  status const done = core_->set_budget(where, bytes);
  plan_if_wanted();
  dispatch();
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
