// Plans that the core has asked for and nobody has made yet, and orders that the user declares. The thread whose call led to
// a plan makes it, without the lock, before its call returns; other calls go on meanwhile. Any thread.
// Decides nothing about plans: the core asks for them, and drops what is out of date.
#pragma once

#include <deque>
#include <span>
#include <vector>

#include <core/order/acquire_order.hpp>
#include <host/pager_core.hpp>

namespace tierpager {

class plan_maker {
 public:
  /// Both outlive this.
  plan_maker(pager_core& core, catalog const& tensors) : core_(core), tensors_(tensors) {}

  void add(plan_command asked) TIERPAGER_REQUIRES(pager_lock) { asked_.push_back(std::move(asked)); }
  /// Instead of pager_core::dispatch, after a call that may lead to a plan. Unlocks while a plan is made.
  void dispatch_and_plan() TIERPAGER_REQUIRES(pager_lock);

  /// One tensor a call. Throws for an unknown id.
  void declare(std::span<tensor_id const> ids) TIERPAGER_EXCLUDES(pager_lock);
  /// One set a call; empty sets do not count.
  void declare(std::span<std::vector<tensor_id> const> sets) TIERPAGER_EXCLUDES(pager_lock);

 private:
  void add_entry(acquire_order& order, tensor_id id) const;
  void adopt(acquire_order order) TIERPAGER_EXCLUDES(pager_lock);

  pager_core& core_;
  catalog const& tensors_;
  std::deque<plan_command> asked_ TIERPAGER_GUARDED_BY(pager_lock);
};

}  // namespace tierpager
