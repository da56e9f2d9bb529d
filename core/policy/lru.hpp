// Least recently acquired leaves first. A doubly linked list over dense ids, held in one vector: constant time a touch, a
// logarithm of those set aside where there are any. Only set_aside and put_back allocate. Not thread-safe; called by the
// residency core. Decides only the rank.
#pragma once

#include <cstdint>
#include <set>
#include <utility>
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
  void set_aside(tensor_id id) override;
  void put_back(tensor_id id) override;
  [[nodiscard]] std::optional<tensor_id> first_victim() const override;
  [[nodiscard]] std::optional<tensor_id> victim_after(tensor_id id) const override;

 private:
  // A link to itself, both ways, means "not in", or where it is marked, "set aside". The last element is the list's head:
  // its `next` is the least recently touched, its `previous` the most recently, its stamp the latest given.
  struct link {
    std::uint32_t previous, next;
    std::uint64_t stamp;  // grows with each touch, and along the list; the lowest bit is the mark
  };
  using stamped = std::pair<std::uint64_t, std::uint32_t>;  // and the index
  static constexpr std::uint64_t mark = 1;
  [[nodiscard]] std::uint32_t head() const { return static_cast<std::uint32_t>(links_.size() - 1); }
  [[nodiscard]] bool marked(std::uint32_t index) const { return (links_[index].stamp & mark) != 0; }
  [[nodiscard]] bool listed(std::uint32_t index) const { return links_[index].next != index; }
  [[nodiscard]] bool is_aside(std::uint32_t index) const { return !listed(index) && marked(index); }
  [[nodiscard]] stamped key_of(std::uint32_t index) const;
  [[nodiscard]] std::optional<tensor_id> id_at(std::uint32_t index) const;
  void unlink(std::uint32_t index);  // from its neighbours; its own links are the caller's
  void append(std::uint32_t index);
  void take_out(std::uint32_t index);
  void mark_follower(std::uint32_t index);
  void move_mark(std::uint32_t from, std::uint32_t to);
  void unmark(std::uint32_t index);
  [[nodiscard]] bool any_aside_between(std::uint64_t after, std::uint64_t before) const;
  [[nodiscard]] std::uint64_t stamp_before(std::uint32_t index) const;

  std::vector<link> links_;
  // Who is set aside leaves a gap in the list. Whoever follows a gap, the head too, is marked and found here by its stamp,
  // so that what is put back finds its place. Where nobody is set aside nobody is marked, and a touch looks no further.
  std::set<std::uint64_t> aside_;  // their stamps
  std::set<stamped> followers_;
  bool exact_;
};

}  // namespace tierpager
