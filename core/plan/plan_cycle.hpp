// What the parts of make_plan read: when each tensor is needed and let go within one cycle, and a set of
// calls that answers which member comes next. Plain values; any thread; nothing here decides.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <core/order/acquire_order.hpp>

namespace tierpager {

/// One stretch for which a tensor is needed: one load, if it streams. Uses that touch (again before the release, or in
/// the very next call) are one. Calls are counted from 0; `until` exceeds the number of calls where it goes round.
struct tensor_use {
  std::uint32_t tensor;
  std::uint32_t from;
  std::uint32_t until;
};

class cycle_uses {
 public:
  cycle_uses(acquire_order const& order, std::size_t tensors);

  [[nodiscard]] std::uint32_t calls() const { return calls_; }
  [[nodiscard]] std::size_t tensors() const { return named_.size(); }
  /// By `from`, and within a call in the order of its entries.
  [[nodiscard]] std::vector<tensor_use> const& uses() const { return uses_; }
  /// One tensor's, ascending.
  [[nodiscard]] std::span<tensor_use const> of(std::size_t tensor) const {
    return {by_tensor_.data() + first_[tensor], first_[tensor + 1] - first_[tensor]};
  }
  [[nodiscard]] std::uint32_t loads(std::size_t tensor) const { return first_[tensor + 1] - first_[tensor]; }
  [[nodiscard]] bool named(std::size_t tensor) const { return named_[tensor] != 0; }
  /// Needed in every call, or by the time it is let go needed again: it never leaves, so it is no candidate to stream.
  [[nodiscard]] bool always_held(std::size_t tensor) const { return named(tensor) && loads(tensor) == 0; }
  /// The most that any call has in hand.
  [[nodiscard]] std::uint64_t largest_held(std::vector<std::uint64_t> const& bytes) const;

 private:
  std::uint32_t calls_;
  std::vector<tensor_use> uses_, by_tensor_;
  std::vector<std::uint32_t> first_;
  std::vector<std::uint8_t> named_;
};

/// A set of calls of a cycle. Every question takes a step a power of 64.
class call_set {
 public:
  explicit call_set(std::uint32_t calls);
  void insert(std::uint32_t call);
  void erase(std::uint32_t call);
  void clear();
  [[nodiscard]] bool empty() const { return levels_.back().front() == 0; }
  /// The next member after the call, going round; the call itself where it is the only one. Not for an empty set.
  [[nodiscard]] std::uint32_t after(std::uint32_t call) const;
  [[nodiscard]] std::uint32_t before(std::uint32_t call) const;

 private:
  [[nodiscard]] std::uint32_t first_from(std::size_t level, std::uint32_t at) const;
  [[nodiscard]] std::uint32_t last_until(std::size_t level, std::uint32_t at) const;
  static constexpr std::uint32_t none = ~std::uint32_t{0};
  std::vector<std::vector<std::uint64_t>> levels_;
};

}  // namespace tierpager
