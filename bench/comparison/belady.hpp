// Clairvoyant: what is used again last leaves first. Least bytes for tensors of one size among caches that take in all
// they are asked for; with sizes that differ nearly so. For comparison only; not thread-safe.
#pragma once

#include <set>
#include <utility>

#include <bench/comparison/comparison_cache.hpp>

namespace tierpager::tools {

class belady final : public comparison_cache {
 public:
  belady(std::uint64_t capacity_bytes, std::span<std::uint64_t const> tensor_bytes,
         std::span<tensor_id const> accesses);

 private:
  void next_access() override { ++now_; }
  void hit(std::uint32_t id) override;
  std::uint32_t take_victim() override;
  void insert(std::uint32_t id) override;

  std::size_t now_ = 0;                                    // accesses so far, this one included
  std::vector<std::size_t> next_uses_;                     // of each access's tensor
  std::vector<std::size_t> known_;                         // of each tensor, its next use as `order_` has it
  std::set<std::pair<std::size_t, std::uint32_t>> order_;  // next use of what is in
};

}  // namespace tierpager::tools
