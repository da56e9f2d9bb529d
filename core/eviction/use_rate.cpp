#include <core/eviction/use_rate.hpp>

#include <cassert>

namespace tierpager {
namespace {

std::optional<tensor_id> as_tensor(std::optional<std::uint32_t> index) {
  if (!index) return std::nullopt;
  return tensor_id{*index};
}

auto ranked_now(use_counts const& counts, std::size_t order) {
  return [&counts, order](std::uint32_t index) { return counts.rank_of(index, order); };
}

}  // namespace

use_rate::use_rate(std::span<std::uint64_t const> tensor_bytes)
    : counts_(tensor_bytes.size()), shadows_(counts_, tensor_bytes), residents_(tensor_bytes.size()) {}

void use_rate::touched(tensor_id id) {
  auto const index = static_cast<std::uint32_t>(id);
  bool const first_use = !counts_.ever_used(index);
  bool const pass_ended = counts_.touched(index);
  shadows_.touched(index, first_use);
  if (pass_ended) follow(shadows_.pass_ended(order_));
  if (!residents_.contains(index)) residents_.insert(index, counts_.rank_of(index, order_));
}

void use_rate::follow(std::size_t order) {
  if (order == order_) return;
  order_ = order;
  residents_.rank_all_anew(ranked_now(counts_, order_));
}

void use_rate::erased(tensor_id id) {
  auto const index = static_cast<std::uint32_t>(id);
  if (residents_.contains(index)) residents_.erase(index);
}

std::optional<tensor_id> use_rate::first_victim() const {
  return as_tensor(residents_.lowest(ranked_now(counts_, order_)));
}

std::optional<tensor_id> use_rate::victim_after(tensor_id id) const {
  return as_tensor(residents_.after(static_cast<std::uint32_t>(id), ranked_now(counts_, order_)));
}

}  // namespace tierpager
