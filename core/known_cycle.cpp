#include <core/known_cycle.hpp>

#include <algorithm>
#include <cassert>
#include <utility>

namespace tierpager {
namespace {

constexpr int places_tried_max = 32;  // of one tensor: some occur in every layer

}  // namespace

known_cycle::known_cycle(std::vector<acquire_symbol> symbols, std::vector<std::uint32_t> holds, std::size_t tensors)
    : symbols_(std::move(symbols)) {
  assert(!symbols_.empty() && symbols_.size() == holds.size() && (symbols_.front() & call_begins) != 0);
  build_index(tensors);
  set_holds(std::move(holds));
}

known_cycle::known_cycle(acquire_order order, std::size_t tensors) {
  auto& entries = order.entries;
  assert(!entries.empty());
  std::ranges::sort(entries, [](order_entry const& one, order_entry const& other) {
    return std::pair(one.call, one.id) < std::pair(other.call, other.id);
  });
  std::vector<std::uint32_t> begins;  // by call: the position of its first entry
  for (std::size_t i = 0; i < entries.size(); ++i) {
    bool const first = i == 0 || entries[i].call != entries[i - 1].call;
    if (first) begins.push_back(static_cast<std::uint32_t>(i));
    symbols_.push_back(static_cast<std::uint32_t>(index_of(entries[i].id)) | (first ? call_begins : 0));
  }
  std::vector<std::uint32_t> holds(entries.size());
  for (std::uint32_t i = 0, call = 0; i < entries.size(); ++i) {
    if (i != 0 && (symbols_[i] & call_begins) != 0) ++call;
    std::uint32_t const after = std::max(entries[i].until, entries[i].call + 1) - entries[i].call;
    std::uint64_t const end = std::uint64_t{call} + after;
    std::uint64_t const position = end / begins.size() * entries.size() + begins[end % begins.size()];
    holds[i] = static_cast<std::uint32_t>(std::min<std::uint64_t>(position - i, entries.size()));
  }
  build_index(tensors);
  set_holds(std::move(holds));
}

void known_cycle::build_index(std::size_t tensors) {
  first_.assign(tensors, none);
  later_.assign(symbols_.size(), none);
  calls_.resize(symbols_.size());
  for (std::size_t i = symbols_.size(); i-- > 0;) {
    std::uint32_t const index = index_in(symbols_[i]);
    assert(index < tensors);
    later_[i] = std::exchange(first_[index], static_cast<std::uint32_t>(i));
  }
  for (std::size_t i = 0; i < symbols_.size(); ++i) {
    if ((symbols_[i] & call_begins) != 0) ++call_count_;
    calls_[i] = call_count_ - 1;
  }
  symbols_.push_back(call_begins);
}

bool known_cycle::set_holds(std::vector<std::uint32_t> holds) {
  holds_ = std::move(holds);
  acquire_order made;
  made.calls = call_count_;
  made.entries.reserve(holds_.size());
  for (std::uint32_t i = 0; i < size(); ++i) {
    holds_[i] = std::min(holds_[i], size());
    made.entries.push_back({tensor_id{index_in(symbols_[i])}, calls_[i], until(i, holds_[i])});
  }
  if (order_ && *order_ == made) return false;
  order_ = std::make_shared<acquire_order const>(std::move(made));
  return true;
}

// A hold that ends with the entry itself or another of its call ends before the next call.
std::uint32_t known_cycle::until(std::uint32_t position, std::uint32_t hold) const {
  if (hold >= size()) return calls_[position] + call_count_;
  std::uint32_t const last = position + std::max(hold, 1U) - 1;
  return (last < size() ? calls_[last] : calls_[last - size()] + call_count_) + 1;
}

std::uint32_t known_cycle::matched_at(std::uint32_t position, acquire_history const& history,
                                      std::uint32_t most) const {
  most = std::min(most, history.size());
  std::uint32_t count = 0;
  while (count < most && symbols_[position] == history.symbol(count + 1)) {
    position = (position == 0 ? size() : position) - 1;
    ++count;
  }
  return count;
}

known_cycle::place known_cycle::find_latest(acquire_history const& history, std::uint32_t most) const {
  place best;
  std::uint32_t position = first_[index_in(history.symbol(1))];
  for (int tried = 0; position != none && tried < places_tried_max; ++tried, position = later_[position]) {
    if ((symbols_[position + 1] & call_begins) == 0) continue;
    std::uint32_t const next = position + 1 == size() ? 0 : position + 1;
    std::uint32_t const matched = matched_at(position, history, most);
    bool const left_here = calls_[position] == calls_[left_at];
    if (matched > best.matched || (matched == best.matched && left_here)) best = {next, matched};
  }
  return best;
}

std::optional<std::uint32_t> known_cycle::entries_until(tensor_id id, std::uint32_t position) const {
  std::uint32_t const first = first_[index_of(id)];
  if (first == none) return std::nullopt;
  std::uint32_t next = first;
  while (next != none && next < position) next = later_[next];
  return next != none ? next - position : first + size() - position;
}

bool known_cycle::is_latest(acquire_history const& history, std::uint32_t& next) const {
  if (history.size() < size()) return false;
  place const found = find_latest(history, size());
  next = found.next;
  return found.matched == size();
}

}  // namespace tierpager
