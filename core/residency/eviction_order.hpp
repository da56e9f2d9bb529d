// The order in which a tier's tensors are to leave: first those that are streamed, which have their home elsewhere, the least
// recently used first; then the others in the order of the tier's policy. Not thread-safe: called under the pager's lock. Ranks
// only: which of them may leave, the evictor decides.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include <core/eviction/lru.hpp>
#include <core/residency/slot_table.hpp>
#include <tierpager/eviction_policy.hpp>

namespace tierpager {

class eviction_order {
 public:
  /// No tensor is ever streamed unless `streams`. A tier that is not present never asks its policy, which may be null.
  eviction_order(tier where, slot_table& slots, std::unique_ptr<eviction_policy> policy, bool streams);

  /// Whether victims leave in exactly this order, waited for if need be.
  [[nodiscard]] bool exact() const { return policy_->exact(); }
  [[nodiscard]] std::optional<tensor_id> first() const;
  /// The tensor behind that one, which is in the order.
  [[nodiscard]] std::optional<tensor_id> next(tensor_id id) const;
  /// How much a tensor in the order is used, compared with others of its kind: streamed, or not.
  [[nodiscard]] double use_of(tensor_id id) const {
    return slots_.at(id, where_).streamed ? streamed_.use_of(id) : policy_->use_of(id);
  }

  /// The tensor is used. `ranked`: its policy is told, too.
  void touched(tensor_id id, bool ranked) {
    if (slots_.at(id, where_).streamed) [[unlikely]]
      streamed_.touched(id);
    if (ranked) policy_->touched(id);
  }
  /// The policy is told of a use that is still to come.
  void entered(tensor_id id) { policy_->touched(id); }
  /// The tensor left the tier, or its load failed. Whether it is streamed is told by `set_streamed`.
  void erased(tensor_id id) { policy_->erased(id); }
  void set_streamed(tensor_id id, bool streamed);
  void resized(std::uint64_t bytes) {
    if (policy_) policy_->resized(bytes);
  }

 private:
  tier where_;
  slot_table& slots_;
  std::unique_ptr<eviction_policy> policy_;
  lru streamed_;
};

}  // namespace tierpager
