// Watches which tensors are acquired and finds the cycle in it, if there is one. Pure: not thread-safe, no clock. On
// course, following a cycle costs a comparison a tensor. Passes are found without being told, repeats inside a pass,
// sets held together, and several cycles that take turns included.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include <core/acquire_order.hpp>
#include <core/known_cycle.hpp>
#include <tierpager/types.hpp>

namespace tierpager {

class order_tracker {
 public:
  /// Of what grows with a cycle, one call does no more than what this many entries take: longer cycles are learned, and
  /// other holds taken up, in portions, by the calls that follow, while the program goes on as it was seen to.
  static constexpr std::uint32_t default_work_a_call = 2048;
  /// Takes memory once in proportion to the number of tensors; known cycles, eight at most, take what they need.
  explicit order_tracker(std::size_t tensors, std::uint32_t work_a_call = default_work_a_call);
  order_tracker(order_tracker&&) noexcept;
  order_tracker& operator=(order_tracker&&) noexcept;
  ~order_tracker();

  /// The caller says how it will acquire. Followed from its first entry on; learning goes on should it not hold. Null
  /// takes the declaration back. What is being learned is dropped.
  void declare(std::unique_ptr<known_cycle> order);
  /// One acquire call, in whatever order its set is. Each of its uses has to end with `released`, or it counts as held
  /// for ever. Both are cheap while a cycle is followed and holds.
  void acquired(std::span<tensor_id const> ids);
  /// The same for one tensor alone, if that is just what is expected, not the last of the cycle, and nothing is being
  /// learned: `version` stays. Else false, and nothing has changed.
  bool acquired_next(tensor_id id);
  /// One use of the tensor ended (every use of a handle, also of shared ones, which were not acquired).
  void released(tensor_id id);

  /// The cycle that is followed now; null where there is none. Stays the same object while `version` does. A learned one
  /// begins where it was seen to repeat, as a pass does more often than not; the entries of a call are sorted by id. How
  /// long they are held is what was seen last when it was learned.
  [[nodiscard]] std::shared_ptr<acquire_order const> following() const;
  /// Changes whenever `following` does. Numbers are never used again.
  [[nodiscard]] std::uint64_t version() const;
  /// Where a cycle is followed: index into its entries of what is expected next, below entries.size().
  [[nodiscard]] std::size_t position() const;
  /// And how many entries are expected before that tensor; none where the cycle does not have it.
  [[nodiscard]] std::optional<std::uint32_t> entries_until(tensor_id id) const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace tierpager
