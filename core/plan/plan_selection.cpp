#include <core/plan/plan_selection.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace tierpager {

selector::selector(selection_request request) : request_(std::move(request)), set_(request_.cycle, request_.bytes) {
  make_groups();
}

void selector::make_groups() {
  cycle_uses const& cycle = request_.cycle;
  std::vector<std::uint8_t> seen(cycle.tensors());
  std::vector<member> members;
  for (tensor_use const& use : cycle.uses()) {
    if (request_.candidates[use.tensor] && !seen[use.tensor]) members.push_back({use.tensor, cycle_bytes_});
    seen[use.tensor] = 1;
    cycle_bytes_ += static_cast<double>(request_.bytes[use.tensor]);
  }
  auto const stays = [&](member const& each) { return !request_.stays.empty() && request_.stays[each.tensor] != 0; };
  std::stable_sort(members.begin(), members.end(), [&](member const& left, member const& right) {
    auto const left_loads = cycle.loads(left.tensor), right_loads = cycle.loads(right.tensor);
    return left_loads != right_loads ? left_loads < right_loads : stays(left) < stays(right);
  });
  for (member const& each : members) {
    std::uint32_t const loads = cycle.loads(each.tensor);
    if (groups_.empty() || groups_.back().loads != loads || groups_.back().stays != stays(each))
      groups_.push_back({loads, stays(each), 0, {}});
    groups_.back().members.push_back(each);
    groups_.back().bytes += request_.bytes[each.tensor];
    candidate_bytes_ += request_.bytes[each.tensor];
  }
}

std::uint64_t selector::needed_bytes(std::uint64_t buffer_bytes) const {
  std::uint64_t const kept = request_.budget_bytes - std::min(request_.budget_bytes, buffer_bytes);
  return candidate_bytes_ - std::min(candidate_bytes_, kept);
}

std::uint64_t selector::buffer_for(std::uint64_t cap_bytes) const {
  if (request_.buffer_is_least) return least_buffer_bytes_;
  return std::max(least_buffer_bytes_, slots_ <= 2 ? cap_bytes : cap_bytes / 2 * slots_);
}

std::uint64_t selector::pair_bytes() const { return set_.buffer_bytes(std::min(slots_, 2U)); }

std::uint64_t selector::buffer_now() const {
  if (set_.bytes() == 0) return 0;
  if (request_.buffer_is_least) return least_buffer_bytes_;
  return std::max(least_buffer_bytes_, set_.buffer_bytes(slots_));
}

// One that fills the cap nearly alone would have no neighbours.
bool selector::admits(std::size_t tensor, std::uint64_t cap_bytes) const {
  if (slots_ != 1 && request_.bytes[tensor] > cap_bytes - cap_bytes / 8) return false;
  return set_.fits(tensor, cap_bytes, slots_ == 1);
}

// Smaller tensors than this are not enough, were they all to stream.
std::uint64_t selector::smallest_cap() const {
  std::vector<std::uint64_t> sizes;
  for (group const& from : groups_)
    for (member const& each : from.members) sizes.push_back(request_.bytes[each.tensor]);
  std::sort(sizes.begin(), sizes.end());
  std::uint64_t sum = 0;
  for (std::uint64_t const size : sizes)
    if ((sum += size) >= needed_bytes(0)) return std::max<std::uint64_t>(size, 1);
  return 1;
}

// Error diffusion: every byte of the cycle earns the share that has to stream, and a tensor is taken as soon as half of
// it is earned. What the buffer cannot take leaves its share to those after it.
void selector::stream_evenly(group const& from, std::uint64_t cap_bytes, std::uint64_t needed_bytes) {
  double const start = from.members.front().position;
  member const& last = from.members.back();
  double const span = last.position - start + static_cast<double>(request_.bytes[last.tensor]);
  double const share = static_cast<double>(needed_bytes) / span;
  // Of nearly all, none is left out here: what is too much will be trimmed, and fewer tensors change sides.
  bool const all = needed_bytes >= from.bytes - from.bytes / 50;
  double taken = 0;
  for (member const& each : from.members) {
    auto const size = static_cast<double>(request_.bytes[each.tensor]);
    if (!all && share * (each.position - start + size) - taken < size / 2) continue;
    if (!admits(each.tensor, cap_bytes)) continue;
    set_.add(each.tensor);
    taken += size;
    if (set_.bytes() >= candidate_bytes_) return;
  }
}

// Rounding, and what the buffer refused, leave some to take wherever it still fits: no more than is needed, if possible.
void selector::stream_the_rest(group const& from, std::uint64_t cap_bytes, std::uint64_t needed_bytes) {
  for (bool const exceeds : {false, true}) {
    std::uint64_t smallest = 0;
    if (exceeds) {
      for (member const& each : from.members)
        if (std::uint64_t const size = request_.bytes[each.tensor];
            !set_.contains(each.tensor) && (smallest == 0 || size < smallest) && admits(each.tensor, cap_bytes))
          smallest = size;
    }
    for (std::size_t i = 0; i < from.members.size() && set_.bytes() < needed_bytes; ++i) {
      std::size_t const tensor = from.members[i].tensor;
      std::uint64_t const size = request_.bytes[tensor];
      bool const small = exceeds ? size <= smallest : size <= needed_bytes - set_.bytes();
      if (small && !set_.contains(tensor) && admits(tensor, cap_bytes)) set_.add(tensor);
    }
  }
}

selector::attempt selector::try_cap(std::uint64_t cap_bytes) {
  set_.clear();
  std::uint64_t const needed = needed_bytes(buffer_for(cap_bytes));
  std::uint32_t marginal_loads = 1;
  for (group const& from : groups_) {
    if (set_.bytes() >= needed) break;
    marginal_loads = from.loads;
    stream_evenly(from, cap_bytes, needed - set_.bytes());
    stream_the_rest(from, cap_bytes, needed);
  }
  std::uint64_t const least = needed_bytes(buffer_now());
  if (set_.bytes() < least || buffer_now() > request_.budget_bytes) return {cap_bytes, false, 0};
  // The surplus will be trimmed.
  return {cap_bytes, true,
          static_cast<double>(set_.loaded_bytes()) - static_cast<double>(set_.bytes() - least) * marginal_loads};
}

// A smaller cap means a smaller buffer, and fewer bytes to stream for it, but fewer tensors that may stream. So the least
// that works is looked for, from both sides; which of those tried is best is decided by their bytes.
std::optional<std::uint64_t> selector::best_cap() {
  constexpr auto unlimited = std::numeric_limits<std::uint64_t>::max() / 4;
  if (request_.buffer_is_least) return try_cap(unlimited).feasible ? std::optional(unlimited) : std::nullopt;
  set_.clear();
  for (group const& from : groups_)
    for (member const& each : from.members) set_.add(each.tensor);
  std::uint64_t const widest = std::min(pair_bytes(), request_.budget_bytes);
  attempt best{0, false, 0};
  auto const consider = [&](std::uint64_t cap_bytes) {
    attempt const made = try_cap(cap_bytes);
    if (made.feasible && (!best.feasible || made.loaded_bytes < best.loaded_bytes)) best = made;
    return made.feasible;
  };
  if (last_cap_) {
    for (std::uint64_t cap = *last_cap_; !consider(cap) && cap < widest;) cap = std::min(widest, cap + cap / 4 + 1);
    return best.feasible ? std::optional(best.cap_bytes) : std::nullopt;
  }
  // No cap below the largest that has to stream can do; two of that size often do.
  std::uint64_t infeasible = smallest_cap() - 1, feasible = std::min(widest, 2 * smallest_cap());
  while (!consider(feasible)) {
    infeasible = std::max(infeasible, feasible);
    if (feasible == widest) return std::nullopt;
    feasible = std::min(widest, feasible + feasible / 2);
  }
  std::uint64_t const close_enough = needed_bytes(0) / 500;
  for (int step = 0; step < 7; ++step) {
    feasible = std::min(feasible, std::max(infeasible + 1, pair_bytes()));
    if (feasible - infeasible <= 1 + close_enough) break;
    std::uint64_t const cap = infeasible + (feasible - infeasible) / 2;
    if (consider(cap)) {
      feasible = cap;
    } else {
      infeasible = cap;
    }
  }
  if (best.feasible) last_cap_ = best.cap_bytes;
  return best.feasible ? std::optional(best.cap_bytes) : std::nullopt;
}

// Takes out tensors that need not stream after all, those with the most loads first, the largest of a group first.
void selector::trim(std::uint64_t cap_bytes, std::uint64_t needed) {
  for (auto from = groups_.rbegin(); from != groups_.rend() && set_.bytes() > needed; ++from) {
    std::vector<member> in;
    for (member const& each : from->members)
      if (set_.contains(each.tensor)) in.push_back(each);
    std::stable_sort(in.begin(), in.end(), [&](member const& left, member const& right) {
      return request_.bytes[left.tensor] > request_.bytes[right.tensor];
    });
    for (member const& each : in)
      if (request_.bytes[each.tensor] <= set_.bytes() - needed && set_.may_leave(each.tensor, cap_bytes, slots_ == 1))
        set_.remove(each.tensor);
  }
}

// Changes each tensor that streams for a smaller one beside it that stays, so that less of the budget is left over.
void selector::fill_up(std::uint64_t cap_bytes, std::uint64_t needed) {
  std::vector<std::uint64_t> const& bytes = request_.bytes;
  for (group const& from : groups_) {
    auto const& all = from.members;
    for (std::size_t i = 0; i < all.size() && set_.bytes() > needed; ++i) {
      std::size_t best = all[i].tensor;
      if (!set_.contains(best) || !set_.may_leave(best, cap_bytes, slots_ == 1)) continue;
      set_.remove(best);
      auto const consider = [&](std::size_t other) {
        if (bytes[other] < bytes[best] && set_.bytes() + bytes[other] >= needed && admits(other, cap_bytes))
          best = other;
      };
      for (std::size_t j = i; j > 0 && !set_.contains(all[j - 1].tensor); --j) consider(all[j - 1].tensor);
      for (std::size_t j = i + 1; j < all.size() && !set_.contains(all[j].tensor); ++j) consider(all[j].tensor);
      set_.add(best);
    }
  }
}

std::optional<selection> selector::select(std::uint32_t slots, std::uint64_t least_buffer_bytes) {
  least_buffer_bytes_ = std::max(least_buffer_bytes, request_.least_buffer_bytes);
  slots_ = slots;
  selection chosen;
  chosen.asked_slots = slots;
  chosen.streamed.resize(request_.cycle.tensors());
  if (candidate_bytes_ <= request_.budget_bytes) return chosen;
  std::optional<std::uint64_t> const cap = best_cap();
  if (!cap || !try_cap(*cap).feasible) return std::nullopt;
  // A smaller buffer is a surplus again. A deep one stays as large as it was chosen: its depth is what matters.
  chosen.buffer_bytes = buffer_now();
  for (int round = 0; round < 4 && set_.bytes() > 0; ++round) {
    std::uint64_t const buffer = chosen.buffer_bytes;
    std::uint64_t const pair = request_.buffer_is_least ? *cap : pair_bytes();
    trim(pair, needed_bytes(buffer));
    if (slots_ <= 2) fill_up(pair, needed_bytes(buffer));
    if (slots_ <= 2) chosen.buffer_bytes = std::min(buffer, buffer_now());
    if (buffer == chosen.buffer_bytes) break;
  }
  for (std::size_t tensor = 0; tensor < chosen.streamed.size(); ++tensor)
    chosen.streamed[tensor] = set_.contains(tensor) ? 1 : 0;
  chosen.streamed_bytes = set_.bytes();
  chosen.loaded_bytes = set_.loaded_bytes();
  chosen.slots = set_.slots_in(chosen.buffer_bytes);
  return chosen;
}

}  // namespace tierpager
