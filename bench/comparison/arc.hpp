// ARC (Megiddo and Modha, FAST 2003), by bytes: those used once and those used again each in a recency queue, with ghosts
// of what left either; a ghost's return moves the balance between the two. For comparison only; not thread-safe.
#pragma once

#include <bench/comparison/comparison_cache.hpp>
#include <bench/comparison/tensor_queue.hpp>

namespace tierpager::tools {

class arc final : public comparison_cache {
 public:
  arc(std::uint64_t capacity_bytes, std::span<std::uint64_t const> tensor_bytes)
      : comparison_cache(capacity_bytes, tensor_bytes),
        once_(tensor_bytes),
        again_(tensor_bytes),
        once_ghosts_(tensor_bytes),
        again_ghosts_(tensor_bytes) {}

 private:
  void hit(std::uint32_t id) override;
  void missed(std::uint32_t id) override;
  std::uint32_t take_victim() override;
  void insert(std::uint32_t id) override;

  tensor_queue once_, again_, once_ghosts_, again_ghosts_;  // least recent first
  std::uint64_t once_target_bytes_ = 0;
  bool comes_from_once_ = false, comes_from_again_ = false;  // the ghosts among which the one that missed was
};

}  // namespace tierpager::tools
