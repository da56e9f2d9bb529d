#include <core/residency/eviction_order.hpp>

#include <utility>

namespace tierpager {

eviction_order::eviction_order(tier where, slot_table& slots, std::unique_ptr<eviction_policy> policy, bool streams)
    : where_(where), slots_(slots), policy_(std::move(policy)), streamed_(streams ? slots.size() : 0) {}

std::optional<tensor_id> eviction_order::first() const {
  auto const streamed = streamed_.first_victim();
  return streamed ? streamed : policy_->first_victim();
}

std::optional<tensor_id> eviction_order::next(tensor_id id) const {
  bool const streamed = slots_.at(id, where_).streamed;
  if (streamed)
    if (auto const next = streamed_.victim_after(id)) return next;
  auto next = streamed ? policy_->first_victim() : policy_->victim_after(id);
  while (next && slots_.at(*next, where_).streamed) next = policy_->victim_after(*next);
  return next;
}

void eviction_order::set_streamed(tensor_id id, bool streamed) {
  if (slots_.at(id, where_).streamed == streamed) return;
  slots_.set_streamed(id, where_, streamed);
  if (streamed)
    streamed_.touched(id);
  else
    streamed_.erased(id);
}

}  // namespace tierpager
