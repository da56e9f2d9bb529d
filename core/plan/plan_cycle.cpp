#include <core/plan/plan_cycle.hpp>

#include <algorithm>
#include <bit>
#include <cassert>

namespace tierpager {

cycle_uses::cycle_uses(acquire_order const& order, std::size_t tensors)
    : calls_(order.calls), first_(tensors + 1), named_(tensors) {
  constexpr std::uint32_t none = ~std::uint32_t{0};
  std::vector<std::uint32_t> earliest(tensors, none), latest(tensors, none);
  std::vector<tensor_use> found;
  found.reserve(order.entries.size());
  for (order_entry const& entry : order.entries) {
    auto const tensor = static_cast<std::uint32_t>(index_of(entry.id));
    assert(tensor < tensors && entry.call < calls_ && entry.until > entry.call);
    named_[tensor] = 1;
    std::uint32_t& last = latest[tensor];
    if (last != none && entry.call <= found[last].until) {
      found[last].until = std::max(found[last].until, entry.until);
      continue;
    }
    last = static_cast<std::uint32_t>(found.size());
    if (earliest[tensor] == none) earliest[tensor] = last;
    found.push_back({tensor, entry.call, entry.until});
  }
  // Round the end of the cycle; what is left without a use is never let go.
  for (std::size_t tensor = 0; tensor < tensors; ++tensor) {
    if (latest[tensor] == none) continue;
    tensor_use& first = found[earliest[tensor]];
    tensor_use& last = found[latest[tensor]];
    if (std::uint64_t{first.from} + calls_ > last.until) continue;
    if (&first != &last) last.until = std::max(last.until, first.until + calls_);
    first.until = first.from;
    if (last.until - last.from >= calls_) last.until = last.from;
  }
  std::erase_if(found, [](tensor_use const& use) { return use.until == use.from; });
  uses_ = std::move(found);
  for (tensor_use const& use : uses_) ++first_[use.tensor + 1];
  for (std::size_t tensor = 0; tensor < tensors; ++tensor) first_[tensor + 1] += first_[tensor];
  by_tensor_.resize(uses_.size());
  std::vector<std::uint32_t> next(first_.begin(), first_.end() - 1);
  for (tensor_use const& use : uses_) by_tensor_[next[use.tensor]++] = use;
}

std::uint64_t cycle_uses::largest_held(std::vector<std::uint64_t> const& bytes) const {
  std::uint64_t always = 0;
  for (std::size_t tensor = 0; tensor < tensors(); ++tensor)
    if (always_held(tensor)) always += bytes[tensor];
  // Differences between neighbouring calls; those that go round are held in call 0 already.
  std::vector<std::uint64_t> come(calls_ + 1), go(calls_ + 1);
  for (tensor_use const& use : uses_) {
    come[use.from] += bytes[use.tensor];
    if (use.until <= calls_) {
      go[use.until] += bytes[use.tensor];
    } else {
      come[0] += bytes[use.tensor];
      go[use.until - calls_] += bytes[use.tensor];
    }
  }
  std::uint64_t held = always, most = always;
  for (std::uint32_t call = 0; call < calls_; ++call) {
    held = held + come[call] - go[call];
    most = std::max(most, held);
  }
  return most;
}

call_set::call_set(std::uint32_t calls) {
  std::size_t words = calls;
  do {
    words = (words + 63) / 64;
    levels_.emplace_back(std::max<std::size_t>(words, 1));
  } while (words > 1);
}

void call_set::insert(std::uint32_t call) {
  for (auto& level : levels_) {
    level[call / 64] |= std::uint64_t{1} << call % 64;
    call /= 64;
  }
}

void call_set::erase(std::uint32_t call) {
  for (auto& level : levels_) {
    level[call / 64] &= ~(std::uint64_t{1} << call % 64);
    if (level[call / 64] != 0) return;
    call /= 64;
  }
}

void call_set::clear() {
  for (auto& level : levels_) std::fill(level.begin(), level.end(), 0);
}

std::uint32_t call_set::first_from(std::size_t level, std::uint32_t at) const {
  if (level == levels_.size() || at / 64 >= levels_[level].size()) return none;
  std::uint64_t const word = levels_[level][at / 64] >> at % 64;
  if (word != 0) return at + static_cast<std::uint32_t>(std::countr_zero(word));
  std::uint32_t const above = first_from(level + 1, at / 64 + 1);
  return above == none ? none : above * 64 + static_cast<std::uint32_t>(std::countr_zero(levels_[level][above]));
}

std::uint32_t call_set::last_until(std::size_t level, std::uint32_t at) const {
  if (level == levels_.size()) return none;
  std::uint64_t const word = levels_[level][at / 64] << (63 - at % 64);
  if (word != 0) return at - static_cast<std::uint32_t>(std::countl_zero(word));
  if (at / 64 == 0) return none;
  std::uint32_t const above = last_until(level + 1, at / 64 - 1);
  return above == none ? none : above * 64 + 63 - static_cast<std::uint32_t>(std::countl_zero(levels_[level][above]));
}

std::uint32_t call_set::after(std::uint32_t call) const {
  std::uint32_t const later = first_from(0, call + 1);
  return later != none ? later : first_from(0, 0);
}

std::uint32_t call_set::before(std::uint32_t call) const {
  std::uint32_t const earlier = call == 0 ? none : last_until(0, call - 1);
  return earlier != none ? earlier : last_until(0, static_cast<std::uint32_t>(levels_[0].size() * 64 - 1));
}

}  // namespace tierpager
