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
#include <core/cycle_holds.hpp>
#include <core/place_index.hpp>
#include <core/work_portion.hpp>

namespace tierpager {

class known_cycle {
 public:
  /// Within a call, entries are put in the order of their ids.
  known_cycle(acquire_order order, std::size_t tensors);
  /// As residency::set_order takes it: null for an empty order.
  static std::unique_ptr<known_cycle> of(acquire_order order, std::size_t tensors) {
    if (order.entries.empty()) return nullptr;
    return std::make_unique<known_cycle>(std::move(order), tensors);
  }

  /// One that is made in portions: all entries are appended, then `index` is called until it is true, then it is given
  /// holds. Not to be asked anything else before.
  explicit known_cycle(std::uint32_t entries);
  void append(acquire_symbol one);
  [[nodiscard]] std::uint32_t appended() const { return static_cast<std::uint32_t>(calls_.size()); }
  [[nodiscard]] bool index(work_portion& work);
  /// Of all positions. Whether that made another order of it.
  bool set_holds(cycle_holds made);

  [[nodiscard]] std::shared_ptr<acquire_order const> const& order() const { return order_; }
  [[nodiscard]] std::uint32_t size() const { return size_; }
  /// One more than size() of them: the last says that a call begins after the cycle, too.
  [[nodiscard]] acquire_symbol const* symbols() const { return symbols_.data(); }
  [[nodiscard]] std::uint32_t hold(std::uint32_t position) const { return holds_[position]; }
  [[nodiscard]] std::uint32_t calls() const { return call_count_; }
  /// The number of the call by which it is acquired.
  [[nodiscard]] std::uint32_t call(std::uint32_t position) const { return calls_[position]; }

  struct place {
    std::uint32_t next = 0;     // what is to be expected there
    std::uint32_t matched = 0;  // how many of the latest entries lead there, as many as asked for at most
  };
  /// Where the latest entries lie in it, the best match of all, and of equal ones that at which the cycle was left.
  [[nodiscard]] place find_latest(acquire_history const& history, std::uint32_t most) const;
  [[nodiscard]] bool contains(acquire_symbol one) const { return !index_.places(index_in(one)).empty(); }
  /// How many entries come before the tensor does, from that position on; none where it never does.
  [[nodiscard]] std::optional<std::uint32_t> entries_until(tensor_id id, std::uint32_t position) const;
  /// Where it has the tensor, but no more of these places than are worth a look.
  [[nodiscard]] std::span<std::uint32_t const> places_tried(acquire_symbol one) const;
  [[nodiscard]] bool call_ends_with(std::uint32_t position) const {
    return (symbols_[position + 1] & call_begins) != 0;
  }
  [[nodiscard]] bool left_in_call_of(std::uint32_t position) const { return calls_[position] == calls_[left_at]; }
  [[nodiscard]] std::uint32_t after(std::uint32_t position) const { return position + 1 == size_ ? 0 : position + 1; }

  // The tracker's own notes -----------------------------------------------------------------------------------------
  std::uint32_t left_at = 0;  // what was expected when it was last left
  int trust = 1;              // above 0: one tensor of it suffices to follow it again; negative: it misled often
  bool declared = false;
  std::uint32_t remakes = 0;      // of its order, for other holds
  std::uint32_t remake_wait = 1;  // how many rounds in which holds differ until the next one

 private:
  [[nodiscard]] std::uint32_t matched_at(std::uint32_t position, acquire_history const& history,
                                         std::uint32_t most) const;

  std::uint32_t size_;
  std::vector<acquire_symbol> symbols_;
  std::vector<std::uint32_t> holds_;
  std::vector<std::uint32_t> calls_;  // by position: the number of its call
  std::uint32_t call_count_ = 0;
  place_index index_;
  std::shared_ptr<acquire_order const> order_;
};

}  // namespace tierpager
