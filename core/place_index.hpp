// Where in a cycle each of its tensors occurs. A table of the cycle's own tensors, so that it takes nothing in proportion
// to the others. Built in portions; not to be asked before it is built. Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <core/acquire_history.hpp>
#include <core/work_portion.hpp>

namespace tierpager {

class place_index {
 public:
  /// To be called with the same symbols until it is true: then it is built.
  [[nodiscard]] bool build(std::span<acquire_symbol const> symbols, work_portion& work);
  /// The tensor's positions, ascending; none where the cycle does not have it.
  [[nodiscard]] std::span<std::uint32_t const> places(std::uint32_t tensor) const {
    slot const& its = slots_[slot_of(tensor)];
    return {places_.get() + its.begin, its.count};
  }

 private:
  static constexpr std::uint32_t none = ~std::uint32_t{0};
  struct slot {
    std::uint32_t tensor = none;
    std::uint32_t begin = 0;  // in places_
    std::uint32_t count = 0;
  };
  /// The tensor's slot, or the free one where it would be.
  [[nodiscard]] std::size_t slot_of(std::uint32_t tensor) const;

  std::vector<slot> slots_;  // a power of two of them, a third of them free at least
  std::unique_ptr<std::uint32_t[]> places_;
  // How far it is built: entries that are counted, slots that have their part of places_, entries that are in there.
  std::uint32_t counted_ = 0, laid_out_ = 0, placed_ = 0;
  std::uint32_t begin_ = 0;
};

}  // namespace tierpager
