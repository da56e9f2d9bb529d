// One cycle that a program was seen to go through, or said it would: what is acquired in which order, for how long each
// is held, and where in it a tensor occurs. Not thread-safe; knows nothing of what is acquired now.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <core/acquire_history.hpp>
#include <core/acquire_order.hpp>

namespace tierpager {

class known_cycle {
 public:
  /// `holds` as acquire_history::held has them; at most a whole cycle counts.
  known_cycle(std::vector<acquire_symbol> symbols, std::vector<std::uint32_t> holds, std::size_t tensors);
  /// Within a call, entries are put in the order of their ids.
  known_cycle(acquire_order order, std::size_t tensors);
  /// As residency::set_order takes it: null for an empty order.
  static std::unique_ptr<known_cycle> of(acquire_order order, std::size_t tensors) {
    return order.entries.empty() ? nullptr : std::make_unique<known_cycle>(std::move(order), tensors);
  }

  [[nodiscard]] std::shared_ptr<acquire_order const> const& order() const { return order_; }
  [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(holds_.size()); }
  /// One more than size() of them: the last says that a call begins after the cycle, too.
  [[nodiscard]] acquire_symbol const* symbols() const { return symbols_.data(); }
  [[nodiscard]] std::uint32_t hold(std::uint32_t position) const { return holds_[position]; }
  /// Whether that made another order of it.
  bool set_holds(std::vector<std::uint32_t> holds);

  struct place {
    std::uint32_t next = 0;     // what is to be expected there
    std::uint32_t matched = 0;  // how many of the latest entries lead there, as many as asked for at most
  };
  /// Where the latest entries lie in it, the best match of all, and of equal ones that at which the cycle was left.
  [[nodiscard]] place find_latest(acquire_history const& history, std::uint32_t most) const;
  [[nodiscard]] bool contains(acquire_symbol one) const { return first_[index_in(one)] != none; }
  /// How many entries come before the tensor does, from that position on; none where it never does.
  [[nodiscard]] std::optional<std::uint32_t> entries_until(tensor_id id, std::uint32_t position) const;
  /// Whether the last size() entries are this cycle; then, what is to be expected next.
  [[nodiscard]] bool is_latest(acquire_history const& history, std::uint32_t& next) const;

  // The tracker's own notes -----------------------------------------------------------------------------------------
  std::uint32_t left_at = 0;  // what was expected when it was last left
  int trust = 1;              // above 0: one tensor of it suffices to follow it again; negative: it misled often
  bool declared = false;
  std::uint32_t remakes = 0;      // of its order, for other holds
  std::uint32_t remake_wait = 1;  // how many rounds in which holds differ until the next one

 private:
  static constexpr std::uint32_t none = ~std::uint32_t{0};
  void build_index(std::size_t tensors);
  [[nodiscard]] std::uint32_t matched_at(std::uint32_t position, acquire_history const& history,
                                         std::uint32_t most) const;
  [[nodiscard]] std::uint32_t until(std::uint32_t position, std::uint32_t hold) const;

  std::vector<acquire_symbol> symbols_;
  std::vector<std::uint32_t> holds_;
  std::vector<std::uint32_t> calls_;  // by position: the number of its call
  std::uint32_t call_count_ = 0;
  std::vector<std::uint32_t> first_;  // by tensor: its first position
  std::vector<std::uint32_t> later_;  // by position: the same tensor's next position in the cycle, or none
  std::shared_ptr<acquire_order const> order_;
};

}  // namespace tierpager
