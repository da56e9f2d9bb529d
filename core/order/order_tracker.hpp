// Watches which tensors are acquired and finds the cycle in it, if there is one. Pure: not thread-safe, no clock. While
// a cycle is followed and holds, a call costs a comparison a tensor. Passes are found without being told, repeats inside
// a pass, sets held together, and several cycles that take turns included.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <core/order/access_cycle.hpp>
#include <core/order/acquire_history.hpp>
#include <core/order/acquire_order.hpp>
#include <core/order/cycle_finder.hpp>
#include <tierpager/types.hpp>

namespace tierpager {

class order_tracker {
 public:
  /// Takes memory once in proportion to the number of tensors; known cycles, eight at most, take what they need.
  explicit order_tracker(std::size_t tensors) : history_(tensors) {}

  /// The caller says how it will acquire. Followed from its first entry on; learning goes on should it not hold. Null
  /// takes the declaration back.
  void declare(std::unique_ptr<access_cycle> order);
  /// One acquire call, in whatever order its set is. Each of its uses has to end with `released`, or it counts as held
  /// for ever. Both are cheap while a cycle is followed and holds.
  void acquired(std::span<tensor_id const> ids);
  /// One use of the tensor ended (every use of a handle, also of shared ones, which were not acquired).
  void released(tensor_id id) { history_.released(id); }

  /// The cycle that is followed now; null where there is none. Stays the same object while `version` does. A learned one
  /// begins where it was seen to repeat, as a pass does more often than not; the entries of a call are sorted by id. How
  /// long they are held is what was seen last when it was learned.
  [[nodiscard]] std::shared_ptr<acquire_order const> following() const {
    return followed_ ? followed_->order() : nullptr;
  }
  /// Changes whenever `following` does. Numbers are never used again.
  [[nodiscard]] std::uint64_t version() const { return version_; }
  /// Where a cycle is followed: index into its entries of what is expected next, below entries.size().
  [[nodiscard]] std::size_t position() const { return position_; }
  /// And how many entries are expected before that tensor; none where the cycle does not have it.
  [[nodiscard]] std::optional<std::uint32_t> entries_until(tensor_id id) const {
    return followed_ ? followed_->entries_until(id, position_) : std::nullopt;
  }

 private:
  [[nodiscard]] bool expected(std::span<acquire_symbol const> call) const;
  void advance(std::uint32_t entries);
  void miss(std::uint32_t entries);
  bool find_cycle(std::uint32_t entries);
  void learn(std::uint32_t period);
  bool switch_cycle(std::uint32_t entries, std::uint32_t here);
  access_cycle& keep(std::unique_ptr<access_cycle> cycle);
  void follow(access_cycle& cycle, std::uint32_t next);
  void leave();
  void lose();

  acquire_history history_;
  cycle_finder finder_;
  std::vector<std::unique_ptr<access_cycle>> cycles_;  // the one followed last comes first
  std::uint64_t version_ = 0;
  std::vector<acquire_symbol> call_;  // the entries of a set, sorted

  access_cycle* followed_ = nullptr;  // the cycle that is followed
  std::uint32_t position_ = 0;        // in it
  std::uint32_t strikes_ = 0;         // calls that were not expected weigh more than those that were
  std::uint32_t held_since_ = 0;      // clock of when it began to be followed
  bool untried_ = false;              // declared, and nothing of it acquired so far
  bool proven_ = false;  // the followed cycle, or the one before where it was lost, held for more than a round
};

}  // namespace tierpager
