// Use counts that halve every so many passes; the lowest leaves, of equals the one used longest ago. Counts are kept of
// tensors that have left. For comparison only; not thread-safe.
#pragma once

#include <compare>
#include <set>

#include <bench/comparison/comparison_cache.hpp>

namespace tierpager::tools {

class decayed_lfu final : public comparison_cache {
 public:
  decayed_lfu(std::uint64_t capacity_bytes, std::span<std::uint64_t const> tensor_bytes, unsigned half_life_passes);

  void pass_ended() override { ++passes_; }

 private:
  // As all counts decay alike, their order holds between uses: `rate` is log2 of the count, brought back to pass 0.
  struct rank {
    double rate;
    std::uint64_t last_use;
    std::uint32_t id;
    friend auto operator<=>(rank const&, rank const&) = default;
  };
  void next_access() override { ++accesses_; }
  void hit(std::uint32_t id) override;
  std::uint32_t take_victim() override;
  void insert(std::uint32_t id) override;
  void count(std::uint32_t id);

  double half_life_passes_;
  std::uint64_t passes_ = 0;
  std::uint64_t accesses_ = 0;
  std::vector<rank> ranks_;
  std::set<rank> order_;  // of what is in
};

}  // namespace tierpager::tools
