// SIEVE (Zhang et al., NSDI 2024): one queue in the order of arrival, a bit "used since", and a hand that goes from the
// oldest to the newest, clears the bits it meets and evicts the first without one. For comparison only; not thread-safe.
#pragma once

#include <bench/comparison/comparison_cache.hpp>
#include <bench/comparison/tensor_queue.hpp>

namespace tierpager::tools {

class sieve final : public comparison_cache {
 public:
  sieve(std::uint64_t capacity_bytes, std::span<std::uint64_t const> tensor_bytes)
      : comparison_cache(capacity_bytes, tensor_bytes),
        arrivals_(tensor_bytes),
        used_(tensor_bytes.size(), false),
        hand_(arrivals_.end()) {}

 private:
  void hit(std::uint32_t id) override { used_[id] = true; }
  std::uint32_t take_victim() override {
    if (hand_ == arrivals_.end()) hand_ = arrivals_.begin();
    while (used_[*hand_]) {
      used_[*hand_] = false;
      if (++hand_ == arrivals_.end()) hand_ = arrivals_.begin();
    }
    std::uint32_t const victim = *hand_;
    hand_ = arrivals_.remove(victim);
    return victim;
  }
  void insert(std::uint32_t id) override {
    used_[id] = false;
    arrivals_.push(id);
  }

  tensor_queue arrivals_;  // oldest first
  std::vector<bool> used_;
  tensor_queue::position hand_;  // at the end: starts over
};

}  // namespace tierpager::tools
