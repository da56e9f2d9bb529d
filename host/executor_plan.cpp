// Orders, and what plans depend on: pins and budgets; loads ahead; the record of what was decided.
#include <algorithm>
#include <iterator>
#include <new>
#include <utility>

#include <core/pin_preset.hpp>
#include <host/auto_budget.hpp>
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

void executor::pin(std::vector<std::string> const& globs_or_presets, tier where) {
  pin(value_or_throw(match_all_pins(tensors_, globs_or_presets)), where);
  warn_of_pins(globs_or_presets, where);
}

void executor::unpin(std::span<tensor_id const> ids, tier where) {
  for (tensor_id id : ids) check_id(id);
  scoped_lock const lock(mutex_);
  core_->unpin(ids, where);
  dispatch_and_plan();
}

budget_report executor::set_budget(tier where, budget const& to) {
  budget const named = named_budget(where, to);
  if (named.what() == budget::kind::none)
    throw error({.code = errc::invalid_argument, .what = "a tier cannot be removed while the pager is open"});
  statistics const before = stats();
  std::uint64_t const bytes =
      resolve(where, named, where == tier::vram ? before.ram.budget_bytes : before.vram.budget_bytes);
  budget_report report;
  {
    scoped_lock const lock(mutex_);
    status const done = core_->set_budget(where, bytes);
    dispatch_and_plan();
    value_or_throw(done);
    tell_what_has_passed();
    resize(where);
    statistics const now = core_->stats();
    tier_statistics const& one = where == tier::vram ? now.vram : now.ram;
    report = {.asked_bytes = one.budget_bytes,
              .least_bytes = one.least_bytes,
              .effective_bytes = one.effective_bytes,
              .pending_bytes = one.pending_bytes};
  }
  bool const is_automatic = named.what() == budget::kind::automatic;
  warn_of_budgets({is_automatic && where == tier::vram, is_automatic && where == tier::ram});
  return report;
}

// The waiter would find out too, but later: memory that nothing uses any more is to go at once.
void executor::tell_what_has_passed() {
  std::vector<std::vector<fence>> watched;  // of each stream, ascending
  for (auto const& [stream, sequences] : watches_) {
    std::vector<fence>& all = watched.emplace_back();
    for (std::uint64_t const sequence : sequences) all.push_back({stream, sequence});
  }
  std::vector<fence> passed;  // of each stream, the latest
  mutex_.unlock();
  for (std::vector<fence> const& all : watched) {
    auto const over = [&](fence one) {
      auto const answer = device_->passed(one);
      return answer.ok() && *answer;
    };
    auto const running = std::ranges::partition_point(all, over);
    if (running != all.begin()) passed.push_back(*std::prev(running));
  }
  mutex_.lock();
  for (fence const one : passed) core_->passed(one);
  dispatch();
}

// Carries out itself what no thread has begun with: readers may take long over what they read.
void executor::resize(tier where) {
  condition resized;
  while (core_->resizing(where) && !closed_) {
    auto const next = std::ranges::find(remaps_, where, &remap_command::where);
    if (next != remaps_.end()) {
      remap_command const mine = std::move(*next);
      remaps_.erase(next);
      run_remap(mine);
    } else {
      resizers_.push_back(&resized);
      resized.wait(mutex_);
      std::erase(resizers_, &resized);
    }
  }
}

std::vector<event> executor::take_events() {
  scoped_lock const lock(mutex_);
  return std::exchange(events_, {});
}

void executor::note_event(event const& one) {
  if (record_events_) events_.push_back(one);
}

}  // namespace tierpager
