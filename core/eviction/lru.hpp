// Least recently acquired leaves first. A doubly linked list over dense ids, held in one vector: constant time a call. No
// allocation after construction. Not thread-safe; called by the residency core. Decides only the rank.
#pragma once

#include <cstdint>
#include <vector>

#include <tierpager/eviction_policy.hpp>

namespace tierpager {

class lru final : public eviction_policy {
 public:
  /// Ids below `tensors` may be touched. `exact`: see eviction_policy::exact.
  explicit lru(std::size_t tensors, bool exact = true);

  [[nodiscard]] bool exact() const override { return exact_; }
  void touched(tensor_id id) override;
  void erased(tensor_id id) override;
  [[nodiscard]] std::optional<tensor_id> first_victim() const override;
  [[nodiscard]] std::optional<tensor_id> victim_after(tensor_id id) const override;
  /// One over the number of touches since its own.
  [[nodiscard]] double use_of(tensor_id id) const override {
    return 1 / static_cast<double>(touches_ + 1 - last_touches_[index_of(id)]);
  }

 private:
  // A link to itself, both ways, means "not in the list". The last element is the list's head: its `next` is the least
  // recently touched, its `previous` the most recently.
  struct link {
    std::uint32_t previous, next;
  };
  [[nodiscard]] std::uint32_t head() const { return static_cast<std::uint32_t>(links_.size() - 1); }
  [[nodiscard]] std::optional<tensor_id> id_at(std::uint32_t index) const;
  void unlink(std::uint32_t index);  // from its neighbours; its own links are the caller's

  std::vector<link> links_;
  std::vector<std::uint64_t> last_touches_;
  std::uint64_t touches_ = 0;
  bool exact_;
};

}  // namespace tierpager
