#include <core/plan/streamed_set.hpp>

#include <algorithm>

namespace tierpager {

streamed_set::streamed_set(cycle_uses const& cycle, std::vector<std::uint64_t> const& bytes)
    : cycle_(cycle),
      sizes_(bytes),
      member_(cycle.tensors()),
      held_(cycle.calls()),
      new_(cycle.calls()),
      arrivals_(cycle.calls()),
      streaming_(cycle.calls()) {}

void streamed_set::clear() {
  std::fill(member_.begin(), member_.end(), 0);
  std::fill(held_.begin(), held_.end(), 0);
  std::fill(new_.begin(), new_.end(), 0);
  std::fill(arrivals_.begin(), arrivals_.end(), 0);
  streaming_.clear();
  bytes_ = loaded_bytes_ = 0;
}

void streamed_set::change(std::size_t tensor, bool in) {
  // Unsigned, so that taking away is adding the complement.
  std::uint64_t const size = in ? sizes_[tensor] : 0 - sizes_[tensor];
  member_[tensor] = in ? 1 : 0;
  bytes_ += size;
  for (tensor_use const& use : cycle_.of(tensor)) {
    loaded_bytes_ += size;
    new_[use.from] += size;
    for (std::uint32_t call = use.from; call < use.until; ++call)
      held_[call < cycle_.calls() ? call : call - cycle_.calls()] += size;
    std::uint32_t& arrivals = arrivals_[use.from];
    if (in && arrivals++ == 0) streaming_.insert(use.from);
    if (!in && --arrivals == 0) streaming_.erase(use.from);
  }
}

void streamed_set::add(std::size_t tensor) { change(tensor, true); }
void streamed_set::remove(std::size_t tensor) { change(tensor, false); }

bool streamed_set::fits(std::size_t tensor, std::uint64_t cap_bytes, bool alone) const {
  std::uint64_t const size = sizes_[tensor];
  if (size > cap_bytes) return false;
  for (tensor_use const& use : cycle_.of(tensor)) {
    if (held_[use.from] + size > cap_bytes) return false;
    if (streaming_.empty()) continue;
    std::uint32_t const next = streaming_.after(use.from);
    if (!alone && next != use.from && held_[use.from] + size + new_[next] > cap_bytes) return false;
    std::uint32_t const before = streaming_.before(use.from);
    if (!alone && before != use.from && held_[before] + new_[use.from] + size > cap_bytes) return false;
    for (std::uint32_t call = use.from + 1; call < use.until; ++call) {
      std::uint32_t const held = call < cycle_.calls() ? call : call - cycle_.calls();
      if (arrivals_[held] == 0) continue;
      if (held_[held] + size + (alone ? 0 : new_[streaming_.after(held)]) > cap_bytes) return false;
    }
  }
  return true;
}

bool streamed_set::may_leave(std::size_t tensor, std::uint64_t cap_bytes, bool alone) const {
  if (alone) return true;
  for (tensor_use const& use : cycle_.of(tensor)) {
    if (arrivals_[use.from] > 1) continue;
    std::uint32_t const before = streaming_.before(use.from), after = streaming_.after(use.from);
    if (before != after && held_[before] + new_[after] > cap_bytes) return false;
  }
  return true;
}

std::vector<std::uint32_t> streamed_set::streaming_calls() const {
  std::vector<std::uint32_t> calls;
  for (std::uint32_t call = 0; call < arrivals_.size(); ++call)
    if (arrivals_[call] != 0) calls.push_back(call);
  return calls;
}

std::uint64_t streamed_set::buffer_bytes(std::uint32_t slots) const {
  if (streaming_.empty()) return 0;
  std::vector<std::uint32_t> const calls = streaming_calls();
  std::size_t const ahead = std::min<std::size_t>(slots, calls.size()) - 1;
  std::uint64_t coming = 0, most = 0;
  for (std::size_t i = 1; i <= ahead; ++i) coming += new_[calls[i]];
  for (std::size_t i = 0; i < calls.size(); ++i) {
    most = std::max(most, held_[calls[i]] + coming);
    if (ahead == 0) continue;
    coming -= new_[calls[i + 1 < calls.size() ? i + 1 : 0]];
    std::size_t const joins = i + 1 + ahead;
    coming += new_[calls[joins < calls.size() ? joins : joins - calls.size()]];
  }
  return most;
}

// What the window of one call holds, less that call, is a window of the next: so the windows' ends only move on.
std::uint32_t streamed_set::slots_in(std::uint64_t bytes) const {
  std::vector<std::uint32_t> const calls = streaming_calls();
  std::size_t least = calls.size(), ahead = 0;
  std::uint64_t coming = 0;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (held_[calls[i]] > bytes) return 0;
    while (ahead + 1 < calls.size()) {
      std::uint64_t const joins = new_[calls[(i + 1 + ahead) % calls.size()]];
      if (held_[calls[i]] + coming + joins > bytes) break;
      coming += joins;
      ++ahead;
    }
    least = std::min(least, ahead + 1);
    if (ahead == 0) continue;
    coming -= new_[calls[(i + 1) % calls.size()]];
    --ahead;
  }
  return static_cast<std::uint32_t>(least);
}

}  // namespace tierpager
