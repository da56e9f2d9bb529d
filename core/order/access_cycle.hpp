// One cycle of acquires that a program was seen to go through, or said it would: the order, and where in it each tensor
// occurs. Not thread-safe; does not know what is acquired now.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <core/order/acquire_history.hpp>
#include <core/order/acquire_order.hpp>

namespace tierpager {

class access_cycle {
 public:
  /// A declared cycle; not empty. Within a call, entries are put in the order of their ids.
  access_cycle(acquire_order order, std::size_t tensors);
  /// As residency::set_order takes it: null for an empty order.
  static std::unique_ptr<access_cycle> of(acquire_order order, std::size_t tensors) {
    if (order.entries.empty()) return nullptr;
    return std::make_unique<access_cycle>(std::move(order), tensors);
  }
  /// A learned cycle: the latest `period` entries, the first of which is the one `start` ago. The entries repeat, so the
  /// position after the latest entry holds the one `period` ago.
  access_cycle(acquire_history const& history, std::uint32_t period, std::uint32_t start);

  [[nodiscard]] std::shared_ptr<acquire_order const> const& order() const { return order_; }
  [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(places_.size()); }
  /// size() + 1 symbols: the last says that a call begins after the cycle, too.
  [[nodiscard]] acquire_symbol const* symbols() const { return symbols_.data(); }

  struct place {
    std::uint32_t next = 0;     // the position that is expected next
    std::uint32_t matched = 0;  // how many of the latest entries lead there
  };
  /// Where in the cycle the latest entries lie, of which up to `most` are compared: the longest match, and among equal
  /// ones the one in the call at which the cycle was left.
  [[nodiscard]] place find_latest(acquire_history const& history, std::uint32_t most) const;
  [[nodiscard]] bool contains(acquire_symbol symbol) const { return !places(index_in(symbol)).empty(); }
  /// How many entries come before the tensor does, from that position on; none where the cycle does not have it.
  [[nodiscard]] std::optional<std::uint32_t> entries_until(tensor_id id, std::uint32_t position) const;

  // Notes of the tracker --------------------------------------------------------------------------------------------
  std::uint32_t left_at = 0;  // the position that was expected when the cycle was left
  int trust = 1;              // above 0: one call suffices to follow it again; negative: it misled often
  bool declared = false;

 private:
  void index(std::size_t tensors);
  [[nodiscard]] std::uint32_t matched_at(std::uint32_t position, acquire_history const& history,
                                         std::uint32_t most) const;
  [[nodiscard]] std::uint32_t call(std::uint32_t position) const { return order_->entries[position].call; }
  /// The tensor's positions, ascending.
  [[nodiscard]] std::span<std::uint32_t const> places(std::size_t tensor) const {
    return std::span(places_).subspan(begins_[tensor], begins_[tensor + 1] - begins_[tensor]);
  }

  std::shared_ptr<acquire_order const> order_;
  std::vector<acquire_symbol> symbols_;
  std::vector<std::uint32_t> begins_;  // by tensor: where its positions begin in places_
  std::vector<std::uint32_t> places_;
};

}  // namespace tierpager
