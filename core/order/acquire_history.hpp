// What was acquired last, and for how long it was held: the latest entries, each linked to the one before of
// the same tensor. Entries are addressed by how long ago they were appended; the latest is 1 ago. Memory is taken once,
// in proportion to the number of tensors. Not thread-safe; decides nothing.
#pragma once

#include <cassert>
#include <cstdint>
#include <vector>

#include <tierpager/types.hpp>

namespace tierpager {

/// A tensor's index, with the top bit set where an acquire call begins.
using acquire_symbol = std::uint32_t;
constexpr acquire_symbol call_begins = acquire_symbol{1} << 31U;
constexpr std::uint32_t index_in(acquire_symbol symbol) { return symbol & ~call_begins; }

class acquire_history {
 public:
  explicit acquire_history(std::size_t tensors);

  void append(acquire_symbol symbol) {
    auto& its = tensors_[index_in(symbol)];
    std::uint32_t const distance = clock_ - its.last;
    // Held again while it is held: the earlier entry's hold ends where this one's begins.
    if (its.uses++ != 0) end_hold(its.last, index_in(symbol));
    entries_[clock_ & mask_] = {.symbol = symbol, .held = 0, .earlier = distance};
    its.last = clock_++;
  }
  /// One use ended.
  void released(tensor_id id) {
    auto const index = static_cast<std::uint32_t>(index_of(id));
    auto& its = tensors_[index];
    if (its.uses != 0) --its.uses;  // a use that was shared is released without having been acquired
    if (its.uses == 0) end_hold(its.last, index);
  }

  [[nodiscard]] acquire_symbol symbol(std::uint32_t ago) const { return at(ago).symbol; }
  /// How many entries, itself included, were appended until it was released; 0 while it is held.
  [[nodiscard]] std::uint32_t held(std::uint32_t ago) const { return at(ago).held; }
  /// How long ago the same tensor's entry before that one was; 0 where that is no longer known.
  [[nodiscard]] std::uint32_t earlier(std::uint32_t ago) const;
  /// Of an entry that comes every `period`: for how long it was held the last time that this is known; a whole period
  /// where it is not.
  [[nodiscard]] std::uint32_t latest_hold(std::uint32_t ago, std::uint32_t period) const;
  /// How many entries in a row, `limit` at most, equal those `period` before them, from the latest on backwards.
  [[nodiscard]] std::uint32_t repeats(std::uint32_t period, std::uint32_t limit) const;
  /// The number of entries that can be asked about.
  [[nodiscard]] std::uint32_t size() const { return clock_ - first_ < capacity() ? clock_ - first_ : capacity(); }
  [[nodiscard]] std::uint32_t capacity() const { return mask_ + 1; }
  [[nodiscard]] std::size_t tensors() const { return tensors_.size(); }
  /// Counts the entries, modulo 2^32.
  [[nodiscard]] std::uint32_t clock() const { return clock_; }

 private:
  struct entry {
    acquire_symbol symbol = call_begins - 1;
    std::uint32_t held = 0;
    std::uint32_t earlier = 0;
  };
  struct tensor {
    std::uint32_t last = 0;  // the clock of its latest entry; stale ones are told by what lies there now
    std::uint32_t uses = 0;
  };
  [[nodiscard]] entry const& at(std::uint32_t ago) const {
    assert(ago > 0 && ago <= capacity());
    return entries_[(clock_ - ago) & mask_];
  }
  void end_hold(std::uint32_t when, std::uint32_t index) {
    auto& found = entries_[when & mask_];
    std::uint32_t const ago = clock_ - when;
    if (ago <= capacity() && index_in(found.symbol) == index) found.held = ago;
  }

  std::vector<tensor> tensors_;
  std::vector<entry> entries_;
  std::uint32_t mask_;
  std::uint32_t clock_, first_;
};

}  // namespace tierpager
