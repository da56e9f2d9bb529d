#include <core/place_index.hpp>

#include <algorithm>
#include <bit>
#include <utility>

#include <core/mixed_id.hpp>

namespace tierpager {
std::size_t place_index::slot_of(std::uint32_t tensor) const {
  std::size_t const mask = slots_.size() - 1;
  std::size_t at = mixed_id(tensor) & mask;
  while (slots_[at].tensor != tensor && slots_[at].tensor != none) at = (at + 1) & mask;
  return at;
}

// Each tensor's places are counted before they are put down, side by side.
bool place_index::build(std::span<acquire_symbol const> symbols, work_portion& work) {
  auto const entries = static_cast<std::uint32_t>(symbols.size());
  std::uint32_t const wanted = std::bit_ceil(entries + entries / 2 + 1);
  if (!places_) {
    places_ = std::make_unique_for_overwrite<std::uint32_t[]>(entries);
    slots_.reserve(wanted);
  }
  slots_.resize(slots_.size() + work.take(wanted - static_cast<std::uint32_t>(slots_.size())));
  if (slots_.size() < wanted) return false;
  for (; counted_ < entries; ++counted_) {
    if (!work.take()) return false;
    std::uint32_t const tensor = index_in(symbols[counted_]);
    slot& its = slots_[slot_of(tensor)];
    its.tensor = tensor;
    ++its.count;
  }
  for (; laid_out_ < wanted; ++laid_out_) {
    if (!work.take()) return false;
    slots_[laid_out_].begin = begin_;
    begin_ += std::exchange(slots_[laid_out_].count, 0);
  }
  for (; placed_ < entries; ++placed_) {
    if (!work.take()) return false;
    slot& its = slots_[slot_of(index_in(symbols[placed_]))];
    places_[its.begin + its.count++] = placed_;
  }
  return true;
}

}  // namespace tierpager
