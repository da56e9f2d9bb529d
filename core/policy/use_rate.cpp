#include <core/policy/use_rate.hpp>

#include <algorithm>
#include <cassert>
#include <utility>

namespace tierpager {
namespace {

std::optional<tensor_id> id_at(std::uint32_t id) {
  if (id == rank_tree::none) return std::nullopt;
  return tensor_id{id};
}

struct is_outdated {
  use_counts const& counts;
  bool operator()(std::uint32_t id, std::uint64_t use) const { return counts.outdated(id, use); }
};

struct ranked_now {
  use_counts const& counts;
  std::size_t order;
  eviction_rank operator()(std::uint32_t id) const { return counts.rank_of(id, order); }
};

}  // namespace

use_rate::use_rate(std::span<std::uint64_t const> tensor_bytes)
    : counts_(tensor_bytes.size()),
      shadows_(counts_, tensor_bytes),
      trees_{rank_tree(tensor_bytes.size()), rank_tree(tensor_bytes.size())},
      standings_(tensor_bytes.size(), standing::absent) {}

void use_rate::touched(tensor_id id) {
  auto const index = static_cast<std::uint32_t>(id);
  assert(index < standings_.size());
  bool const first_use = !counts_.ever_used(index);
  bool const pass_ended = counts_.touched(index);
  shadows_.touched(index, first_use);
  if (pass_ended) aim_at(shadows_.pass_ended(aim_));
  if (aim_ != order_) [[unlikely]]
    change_over();
  if (standings_[index] == standing::ranked) return;
  rank(index);
  tree().bring_up_to_date(brought_up_a_newcomer, is_outdated{counts_}, ranked_now{counts_, order_});
}

void use_rate::erased(tensor_id id) { take_out(static_cast<std::uint32_t>(id), standing::absent); }

void use_rate::set_aside(tensor_id id) {
  auto const index = static_cast<std::uint32_t>(id);
  assert(index < standings_.size() && standings_[index] != standing::absent);
  take_out(index, standing::aside);
}

void use_rate::put_back(tensor_id id) {
  auto const index = static_cast<std::uint32_t>(id);
  assert(index < standings_.size());
  if (standings_[index] == standing::aside) rank(index);
}

void use_rate::rank(std::uint32_t id) {
  standings_[id] = standing::ranked;
  tree().insert(id, counts_.rank_of(id, order_));
  if (is_in_coming(id)) coming_tree().insert(id, counts_.rank_of(id, aim_));
}

void use_rate::take_out(std::uint32_t id, standing left) {
  assert(id < standings_.size());
  bool const was_ranked = std::exchange(standings_[id], left) == standing::ranked;
  if (!was_ranked) return;
  tree().erase(id);
  if (is_in_coming(id)) coming_tree().erase(id);
}

// Whatever was ranked by the one aimed at before is dropped.
void use_rate::aim_at(std::size_t order) {
  if (order == aim_) return;
  aim_ = order;
  looked_at_ = 0;
  coming_tree().clear();
}

// A portion at a time, since the pager's lock is held meanwhile; a small model changes over at once. A pass has a use for
// every 64 tensors at least, so that all have been looked at before another order is decided on.
void use_rate::change_over() {
  auto const tensors = static_cast<std::uint32_t>(standings_.size());
  std::uint32_t const portion = looked_at_ == 0 ? first_portion : next_portion;
  std::uint32_t const end = looked_at_ + std::min(portion, tensors - looked_at_);
  for (; looked_at_ < end; ++looked_at_)
    if (standings_[looked_at_] == standing::ranked) coming_tree().insert(looked_at_, counts_.rank_of(looked_at_, aim_));
  if (looked_at_ < tensors) return;
  tree_ = 1 - tree_;
  order_ = aim_;
}

std::optional<tensor_id> use_rate::first_victim() const {
  return id_at(tree().lowest(is_outdated{counts_}, ranked_now{counts_, order_}));
}

std::optional<tensor_id> use_rate::victim_after(tensor_id id) const {
  auto const index = static_cast<std::uint32_t>(id);
  assert(index < standings_.size() && standings_[index] == standing::ranked);
  return id_at(tree().after(index, is_outdated{counts_}, ranked_now{counts_, order_}));
}

}  // namespace tierpager
