#include <bench/comparison/decayed_lfu.hpp>

#include <cmath>
#include <limits>

namespace tierpager::tools {

decayed_lfu::decayed_lfu(std::uint64_t capacity_bytes, std::span<std::uint64_t const> tensor_bytes,
                         unsigned half_life_passes)
    : comparison_cache(capacity_bytes, tensor_bytes),
      half_life_passes_(half_life_passes),
      ranks_(tensor_bytes.size(), {-std::numeric_limits<double>::infinity(), 0, 0}) {}

void decayed_lfu::count(std::uint32_t id) {
  double const now = static_cast<double>(passes_) / half_life_passes_;
  ranks_[id] = {now + std::log2(std::exp2(ranks_[id].rate - now) + 1), accesses_, id};
  order_.insert(ranks_[id]);
}

void decayed_lfu::hit(std::uint32_t id) {
  order_.erase(ranks_[id]);
  count(id);
}

std::uint32_t decayed_lfu::take_victim() {
  std::uint32_t const victim = order_.begin()->id;
  order_.erase(order_.begin());
  return victim;
}

void decayed_lfu::insert(std::uint32_t id) { count(id); }

}  // namespace tierpager::tools
