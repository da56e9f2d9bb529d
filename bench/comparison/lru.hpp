// The least recently used leaves. For comparison only (comparison_cache.hpp); not thread-safe.
// It knows no pins and no tensor in use.
#pragma once

#include <bench/comparison/comparison_cache.hpp>
#include <bench/comparison/tensor_queue.hpp>

namespace tierpager::tools {

class lru final : public comparison_cache {
 public:
  lru(std::uint64_t capacity_bytes, std::span<std::uint64_t const> tensor_bytes)
      : comparison_cache(capacity_bytes, tensor_bytes), recency_(tensor_bytes) {}

 private:
  void hit(std::uint32_t id) override {
    recency_.remove(id);
    recency_.push(id);
  }
  std::uint32_t take_victim() override { return recency_.pop(); }
  void insert(std::uint32_t id) override { recency_.push(id); }

  tensor_queue recency_;  // least recent first
};

}  // namespace tierpager::tools
