#include <core/order/access_cycle.hpp>

#include <algorithm>
#include <cassert>
#include <numeric>
#include <tuple>

namespace tierpager {
namespace {

constexpr std::size_t places_tried_max = 32;  // of one tensor: some occur in every layer

// The call before which an entry is released that is held while `hold` entries are acquired, itself included. A hold
// that ends inside a call ends before the next call; more than a whole cycle counts as one.
std::uint32_t released_before(acquire_order const& order, std::uint32_t position, std::uint32_t hold) {
  auto const& entries = order.entries;
  if (hold >= entries.size()) return entries[position].call + order.calls;
  std::size_t const last = position + hold - 1;
  return (last < entries.size() ? entries[last].call : entries[last - entries.size()].call + order.calls) + 1;
}

}  // namespace

access_cycle::access_cycle(acquire_order order, std::size_t tensors) {
  assert(!order.entries.empty());
  std::ranges::sort(order.entries, {}, [](order_entry const& entry) { return std::tuple(entry.call, entry.id); });
  order.calls = 0;
  std::uint32_t declared_call = 0;
  for (order_entry& entry : order.entries) {
    if (order.calls == 0 || entry.call != declared_call) ++order.calls;
    declared_call = entry.call;
    entry.call = order.calls - 1;
    entry.until = entry.call + std::max(entry.until, declared_call + 1) - declared_call;
  }
  for (order_entry& entry : order.entries) entry.until = std::min(entry.until, entry.call + order.calls);
  order_ = std::make_shared<acquire_order const>(std::move(order));
  index(tensors);
}

access_cycle::access_cycle(acquire_history const& history, std::uint32_t period, std::uint32_t start) {
  assert(0 < start && start <= period && (history.symbol(start) & call_begins) != 0);
  auto const ago = [=](std::uint32_t position) {
    return position < start ? start - position : start + period - position;
  };
  acquire_order order;
  order.entries.reserve(period);
  for (std::uint32_t position = 0; position < period; ++position) {
    acquire_symbol const symbol = history.symbol(ago(position));
    if ((symbol & call_begins) != 0) ++order.calls;
    order.entries.push_back({.id = tensor_id{index_in(symbol)}, .call = order.calls - 1});
  }
  for (std::uint32_t position = 0; position < period; ++position)
    order.entries[position].until = released_before(order, position, history.latest_hold(ago(position), period));
  order_ = std::make_shared<acquire_order const>(std::move(order));
  index(history.tensors());
}

// Each tensor's entries are counted. Then its positions are put down from the last to the first, which leaves begins_
// at the first.
void access_cycle::index(std::size_t tensors) {
  auto const& entries = order_->entries;
  symbols_.reserve(entries.size() + 1);
  begins_.assign(tensors + 1, 0);
  for (std::size_t position = 0; position < entries.size(); ++position) {
    std::size_t const tensor = index_of(entries[position].id);
    assert(tensor < tensors);
    bool const begins_call = position == 0 || entries[position].call != entries[position - 1].call;
    symbols_.push_back(static_cast<acquire_symbol>(tensor) | (begins_call ? call_begins : 0));
    ++begins_[tensor];
  }
  symbols_.push_back(call_begins);
  std::partial_sum(begins_.begin(), begins_.end(), begins_.begin());
  places_.resize(entries.size());
  for (auto position = size(); position-- > 0;) places_[--begins_[index_in(symbols_[position])]] = position;
}

std::uint32_t access_cycle::matched_at(std::uint32_t position, acquire_history const& history,
                                       std::uint32_t most) const {
  most = std::min(most, history.size());
  std::uint32_t count = 0;
  while (count < most && symbols_[position] == history.symbol(count + 1)) {
    position = (position == 0 ? size() : position) - 1;
    ++count;
  }
  return count;
}

access_cycle::place access_cycle::find_latest(acquire_history const& history, std::uint32_t most) const {
  place best;
  auto const positions = places(index_in(history.symbol(1)));
  for (std::uint32_t const position : positions.first(std::min(positions.size(), places_tried_max))) {
    std::uint32_t const next = position + 1;
    if ((symbols_[next] & call_begins) == 0) continue;
    std::uint32_t const matched = matched_at(position, history, most);
    bool const left_here = call(position) == call(left_at);
    if (matched > best.matched || (matched == best.matched && left_here)) best = {next == size() ? 0 : next, matched};
  }
  return best;
}

std::optional<std::uint32_t> access_cycle::entries_until(tensor_id id, std::uint32_t position) const {
  auto const positions = places(index_of(id));
  if (positions.empty()) return std::nullopt;
  auto const next = std::ranges::lower_bound(positions, position);
  return next != positions.end() ? *next - position : positions.front() + size() - position;
}

}  // namespace tierpager
