#include <core/order/acquire_history.hpp>

#include <algorithm>
#include <bit>

namespace tierpager {
namespace {

// A cycle is seen to repeat once the history holds it and what has come again. Four times the catalog is room for two
// passes that take turns; where that is little, for long cycles of few tensors.
std::size_t entries_for(std::size_t tensors) {
  std::size_t const generous = std::min<std::size_t>(64 * tensors, 1U << 18U);
  return std::bit_ceil(std::max({std::size_t{4096}, generous, 4 * tensors}));
}

}  // namespace

acquire_history::acquire_history(std::size_t tensors)
    : tensors_(tensors), entries_(entries_for(tensors)), mask_(static_cast<std::uint32_t>(entries_.size() - 1)) {
  assert(tensors < call_begins / 8);
  first_ = clock_ = capacity() + 1;  // so that no tensor seems to have been acquired at 0
}

std::uint32_t acquire_history::earlier(std::uint32_t ago) const {
  entry const& latest = at(ago);
  if (latest.earlier > size() || ago + latest.earlier > size()) return 0;
  return index_in(symbol(ago + latest.earlier)) == index_in(latest.symbol) ? ago + latest.earlier : 0;
}

// Of what is held still, how long it was held the time before is the best guess, while it is not exceeded.
std::uint32_t acquire_history::latest_hold(std::uint32_t ago, std::uint32_t period) const {
  if (std::uint32_t const now = held(ago); now != 0) return now;
  std::uint32_t const before = ago + period;
  bool const known = before <= size() && index_in(symbol(before)) == index_in(symbol(ago));
  return known && held(before) >= ago ? held(before) : period;
}

std::uint32_t acquire_history::repeats(std::uint32_t period, std::uint32_t limit) const {
  limit = period < size() ? std::min(limit, size() - period) : 0;
  std::uint32_t count = 0;
  while (count < limit && symbol(count + 1) == symbol(count + 1 + period)) ++count;
  return count;
}

}  // namespace tierpager
