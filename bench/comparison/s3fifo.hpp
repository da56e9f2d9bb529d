// S3-FIFO (Yang et al., SOSP 2023): newcomers go through a small queue of a tenth of the bytes; those used twice there
// move to the main queue, the others leave and are remembered as ghosts, whose return leads into the main queue at once.
// For comparison only; not thread-safe.
#pragma once

#include <bench/comparison/comparison_cache.hpp>
#include <bench/comparison/tensor_queue.hpp>

namespace tierpager::tools {

class s3fifo final : public comparison_cache {
 public:
  s3fifo(std::uint64_t capacity_bytes, std::span<std::uint64_t const> tensor_bytes);

 private:
  void hit(std::uint32_t id) override;
  std::uint32_t take_victim() override;
  void insert(std::uint32_t id) override;
  void remember(std::uint32_t id);

  std::uint64_t small_bytes_;
  tensor_queue small_, main_, ghosts_;  // oldest first
  std::vector<std::uint8_t> uses_;      // since it came or was last passed over; at most 3
};

}  // namespace tierpager::tools
