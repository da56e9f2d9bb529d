// The order in which the caller acquires, as far as it is known; the plan in force, which was made for it; and the cursor: how
// far ahead of the program loads have been started. Not thread-safe: called under the pager's lock. Starts no loads itself:
// the prefetcher does.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include <core/order/order_tracker.hpp>
#include <core/plan/plan.hpp>
#include <tierpager/types.hpp>

namespace tierpager {

class plan_cursor {
 public:
  /// Not `enabled`: it watches nothing and never has a plan.
  plan_cursor(std::size_t tensors, bool enabled);

  /// Whether orders are followed and plans made at all.
  [[nodiscard]] bool enabled() const { return enabled_; }
  void declare(std::unique_ptr<access_cycle> order);
  void acquired(std::span<tensor_id const> ids);
  void released(tensor_id id);
  /// Budgets or pins are others now, so the plan is made again.
  void conditions_changed();

  /// Whether a plan is still to come for the order that is followed and the present conditions.
  [[nodiscard]] bool plan_wanted() const { return order_ != nullptr && epoch_ != planned_epoch_; }
  /// The order that a plan is wanted for, once each time one is.
  struct question {
    std::uint64_t epoch;
    std::shared_ptr<acquire_order const> order;
  };
  std::optional<question> take_question();
  [[nodiscard]] bool has_question() const { return plan_wanted() && epoch_ != asked_epoch_; }
  /// False, and nothing changed, where the order or the conditions are others by now.
  bool adopt(std::uint64_t epoch, std::optional<memory_plan> plan);
  /// The plan, until the order that it was made for is no longer followed; null: none.
  [[nodiscard]] memory_plan const* plan() const { return plan_ ? &*plan_ : nullptr; }
  /// Where the plan has the tensor between its uses, rather than in another tier or in the file.
  [[nodiscard]] bool at_home(tensor_id id, tier where) const {
    return plan_ && plan_->homes[index_of(id)] == (where == tier::vram ? home::vram : home::ram);
  }
  /// The offset that the plan has for it in that tier, if any.
  [[nodiscard]] std::optional<std::uint64_t> planned_offset(tensor_id id, tier where) const {
    if (!plan_) return std::nullopt;
    std::vector<std::uint64_t> const& offsets = where == tier::vram ? plan_->places : plan_->ram_places;
    if (offsets.empty() || offsets[index_of(id)] == memory_plan::no_place) return std::nullopt;
    return offsets[index_of(id)];
  }
  /// What was acquired last waits for the plan that was asked for, which says where it goes.
  void await_plan(bool awaited) { awaited_ = awaited; }
  [[nodiscard]] bool awaits_plan() const { return awaited_; }
  /// Whether the order ceased to hold since the last call, so that the plan is gone.
  [[nodiscard]] bool take_loss();

  // The cursor: it lies between the program's position and one cycle beyond.
  /// The next tensor to be there in time; none without a plan for the present order, or a whole cycle ahead.
  [[nodiscard]] std::optional<tensor_id> upcoming() const;
  /// Where all of a cycle is there, a look a quarter of a cycle later is early enough, and a hit is spared it.
  [[nodiscard]] bool has_upcoming() const {
    return plan_ && order_ && planned_epoch_ == epoch_ && ahead_ < (all_there_ ? cycle_ - cycle_ / 4 : cycle_);
  }
  void advance();
  /// What was to be there in time is not: the cursor goes back to the program.
  void fall_back();
  /// Whether the program wants the tensor before that one.
  [[nodiscard]] bool sooner_than_upcoming(tensor_id id) const;

 private:
  void follow();
  void move_to(std::size_t position);
  [[nodiscard]] std::size_t around(std::size_t entry) const { return entry < cycle_ ? entry : entry - cycle_; }

  bool enabled_;
  order_tracker tracker_;
  std::optional<memory_plan> plan_;
  std::shared_ptr<acquire_order const> order_;
  std::uint64_t version_ = 0;
  std::uint64_t epoch_ = 0;
  std::uint64_t asked_epoch_ = 0;
  std::uint64_t planned_epoch_ = 0;
  bool lost_ = false;
  bool awaited_ = false;
  std::size_t cycle_ = 0;  // entries of the order
  std::size_t position_ = 0;
  std::size_t ahead_ = 0;   // the cursor, counted from the position
  bool all_there_ = false;  // the cursor went round: it stays until the program has caught up some way
};

}  // namespace tierpager
