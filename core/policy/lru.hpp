// Least recently acquired leaves first. A doubly linked list over dense ids, held in one vector: constant time a touch, a
// logarithm of those set aside where there are any. No allocation after construction. Not thread-safe; called by the
// residency core. Decides only the rank.
#pragma once

#include <cstdint>
#include <vector>

#include <core/policy/id_sequences.hpp>
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
  // A link to itself, both ways, means "not in the list". The last element is the list's head: its `next` is the least
  // recently touched, its `previous` the most recently.
  struct link {
    std::uint32_t previous, next;
  };
  [[nodiscard]] std::uint32_t head() const { return static_cast<std::uint32_t>(links_.size() - 1); }
  [[nodiscard]] std::optional<tensor_id> id_at(std::uint32_t index) const;
  [[nodiscard]] bool is_aside(std::uint32_t index) const { return gaps_[index] == aside; }
  void unlink(std::uint32_t index);  // from its neighbours; its own links are the caller's
  void link_before(std::uint32_t next, std::uint32_t index);
  void touched_beside_gaps(std::uint32_t index);
  void take_out(std::uint32_t index);
  void set_gap(std::uint32_t index, id_sequences::sequence to);

  std::vector<link> links_;
  // Who is set aside is in the gap before whoever follows it in the list, the head too. The gaps are in order as well, so
  // that what is put back finds its place. A gap goes to the next one when who follows it moves.
  static constexpr std::uint32_t aside = id_sequences::none - 1;
  id_sequences sequences_;
  std::vector<id_sequences::sequence> gaps_;  // by who follows it; `aside` for who is in one
  std::uint32_t asides_ = 0;
  bool exact_;
};

}  // namespace tierpager
