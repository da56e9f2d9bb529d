#include <core/cycle_holds.hpp>

#include <algorithm>

#include <core/known_cycle.hpp>

namespace tierpager {

cycle_holds::cycle_holds(known_cycle const& of) : of_(&of), differs_(of.order() == nullptr) {
  holds_.reserve(of.size());
  order_.entries.reserve(of.size());
  order_.calls = of.calls();
}

void cycle_holds::add(std::uint32_t hold) {
  std::uint32_t const position = count();
  holds_.push_back(std::min(hold, of_->size()));
  order_.entries.push_back(
      {tensor_id{index_in(of_->symbols()[position])}, of_->call(position), until(position, holds_.back())});
  differs_ = differs_ || order_.entries.back() != of_->order()->entries[position];
}

// A hold that ends with the entry itself or another of its call ends before the next call.
std::uint32_t cycle_holds::until(std::uint32_t position, std::uint32_t hold) const {
  std::uint32_t const size = of_->size();
  if (hold >= size) return of_->call(position) + of_->calls();
  std::uint32_t const last = position + std::max(hold, 1U) - 1;
  return (last < size ? of_->call(last) : of_->call(last - size) + of_->calls()) + 1;
}

}  // namespace tierpager
