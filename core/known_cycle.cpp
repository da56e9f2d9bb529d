#include <core/known_cycle.hpp>

#include <algorithm>
#include <cassert>
#include <utility>

namespace tierpager {
namespace {

constexpr std::size_t places_tried_max = 32;  // of one tensor: some occur in every layer

}  // namespace

known_cycle::known_cycle(std::uint32_t entries) : size_(entries) {
  assert(entries > 0);
  symbols_.reserve(std::size_t{entries} + 1);
  calls_.reserve(entries);
}

known_cycle::known_cycle(acquire_order order, std::size_t tensors)
    : known_cycle(static_cast<std::uint32_t>(order.entries.size())) {
  auto& entries = order.entries;
  std::ranges::sort(entries, [](order_entry const& one, order_entry const& other) {
    return std::pair(one.call, one.id) < std::pair(other.call, other.id);
  });
  std::vector<std::uint32_t> begins;  // by call: the position of its first entry
  for (std::size_t i = 0; i < entries.size(); ++i) {
    assert(index_of(entries[i].id) < tensors);
    bool const first = i == 0 || entries[i].call != entries[i - 1].call;
    if (first) begins.push_back(static_cast<std::uint32_t>(i));
    append(static_cast<std::uint32_t>(index_of(entries[i].id)) | (first ? call_begins : 0));
  }
  auto work = work_portion::unlimited();
  [[maybe_unused]] bool const indexed = index(work);
  assert(indexed);
  cycle_holds holds(*this);
  for (std::uint32_t i = 0; i < size_; ++i) {
    std::uint32_t const after = std::max(entries[i].until, entries[i].call + 1) - entries[i].call;
    std::uint64_t const end = std::uint64_t{calls_[i]} + after;
    std::uint64_t const position = end / begins.size() * entries.size() + begins[end % begins.size()];
    holds.add(static_cast<std::uint32_t>(std::min<std::uint64_t>(position - i, entries.size())));
  }
  set_holds(std::move(holds));
}

void known_cycle::append(acquire_symbol one) {
  assert(!symbols_.empty() || (one & call_begins) != 0);
  symbols_.push_back(one);
  if ((one & call_begins) != 0) ++call_count_;
  calls_.push_back(call_count_ - 1);
  if (calls_.size() == size_) symbols_.push_back(call_begins);
}

bool known_cycle::index(work_portion& work) { return index_.build({symbols_.data(), size_}, work); }

bool known_cycle::set_holds(cycle_holds made) {
  assert(made.count() == size_);
  holds_ = std::move(made.holds_);
  if (made.differs_) order_ = std::make_shared<acquire_order const>(std::move(made.order_));
  return made.differs_;
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

std::span<std::uint32_t const> known_cycle::places_tried(acquire_symbol one) const {
  auto const places = index_.places(index_in(one));
  return places.first(std::min(places.size(), places_tried_max));
}

known_cycle::place known_cycle::find_latest(acquire_history const& history, std::uint32_t most) const {
  place best;
  for (std::uint32_t const position : places_tried(history.symbol(1))) {
    if (!call_ends_with(position)) continue;
    std::uint32_t const matched = matched_at(position, history, most);
    bool const left_here = left_in_call_of(position);
    if (matched > best.matched || (matched == best.matched && left_here)) best = {after(position), matched};
  }
  return best;
}

std::optional<std::uint32_t> known_cycle::entries_until(tensor_id id, std::uint32_t position) const {
  auto const places = index_.places(static_cast<std::uint32_t>(index_of(id)));
  if (places.empty()) return std::nullopt;
  auto const next = std::ranges::lower_bound(places, position);
  return next != places.end() ? *next - position : places.front() + size() - position;
}

}  // namespace tierpager
