// A shadow of the tier for each order of eviction: tensor ids and sizes only, of a sample of the tensors in a tier as much
// smaller. Which of them would have loaded the fewest bytes lately says which order to evict in. Not thread-safe; no
// allocation after construction.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include <core/eviction/ranked_ids.hpp>
#include <core/eviction/use_counts.hpp>

namespace tierpager {

class shadow_tiers {
 public:
  /// `counts` outlives them.
  shadow_tiers(use_counts const& counts, std::span<std::uint64_t const> tensor_bytes);

  void resized(std::uint64_t capacity_bytes);
  /// After `counts` has been told. A first use is no order's fault.
  void touched(std::uint32_t id, bool first_use) {
    std::uint32_t const place = places_[id];
    if (place != not_sampled && sample_[place].in != in_all) missed(place, first_use);
  }
  /// What is best now, given what is followed: it takes a clear difference to change.
  std::size_t pass_ended(std::size_t followed);

 private:
  static constexpr std::uint32_t not_sampled = ~std::uint32_t{0};
  static constexpr std::uint32_t in_all = (1U << use_orders) - 1;
  struct sampled {
    std::uint64_t bytes = 0;
    std::uint32_t id = 0;
    std::uint32_t in = 0;  // a bit for each shadow
  };
  struct shadow {
    ranked_ids residents;
    std::uint64_t used_bytes = 0;
    double missed_bytes = 0;  // lately
  };
  void choose_sample(std::span<std::uint64_t const> tensor_bytes);
  void make_room(std::size_t order, std::uint64_t bytes);
  void missed(std::uint32_t place, bool first_use);

  use_counts const& counts_;
  std::vector<std::uint32_t> places_;  // of each tensor in `sample_`
  std::vector<sampled> sample_;
  double sampled_share_ = 0;  // of all bytes
  std::uint64_t capacity_bytes_ = 0;
  std::vector<shadow> shadows_;
};

}  // namespace tierpager
