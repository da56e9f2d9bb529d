#include <host/plan_maker.hpp>

#include <new>
#include <optional>
#include <utility>

#include <host/known_ids.hpp>

namespace tierpager {

void plan_maker::dispatch_and_plan() {
  core_.dispatch();
  while (!asked_.empty()) {
    auto question = std::move(asked_.front().question);
    asked_.pop_front();
    core_.unlock();
    std::uint64_t const epoch = question->epoch;
    std::optional<memory_plan> plan;
    try {
      plan = make_plan(*question);
    } catch (std::bad_alloc const&) {  // NOLINT(bugprone-empty-catch): without a plan the policy decides
    }
    question.reset();  // large: freed without the lock
    core_.lock();
    core_->planned(epoch, std::move(plan));
    core_.dispatch();
  }
}

void plan_maker::declare(std::span<tensor_id const> ids) {
  acquire_order order;
  for (tensor_id const id : ids) {
    add_entry(order, id);
    ++order.calls;
  }
  adopt(std::move(order));
}

void plan_maker::declare(std::span<std::vector<tensor_id> const> sets) {
  acquire_order order;
  for (std::vector<tensor_id> const& set : sets) {
    for (tensor_id const id : set) add_entry(order, id);
    if (!set.empty()) ++order.calls;
  }
  adopt(std::move(order));
}

void plan_maker::add_entry(acquire_order& order, tensor_id id) const {
  check_id(tensors_, id);
  order.entries.push_back({.id = id, .call = order.calls, .until = order.calls + 1});
}

void plan_maker::adopt(acquire_order order) {
  auto cycle = access_cycle::of(std::move(order), tensors_.size());  // made without the lock
  scoped_lock const lock(core_.mutex());
  core_->set_order(std::move(cycle));
  dispatch_and_plan();
}

}  // namespace tierpager
