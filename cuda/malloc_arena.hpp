// A VRAM arena where nothing can be remapped: one allocation, as large as what is reserved, for as long as the device
// lives. Committing and giving back only check their ranges. Threads as vram_memory says.
#pragma once

#include <atomic>

#include <cuda/cuda_check.hpp>
#include <cuda/vram_memory.hpp>

namespace tierpager {

class malloc_arena final : public vram_memory {
 public:
  explicit malloc_arena(device_state& state) : state_(state) {}
  ~malloc_arena() override;

  [[nodiscard]] std::uint64_t granule_bytes() const override { return 256; }  // cudaMalloc's alignment
  [[nodiscard]] bool can_remap() const override { return false; }
  result<std::byte*> reserve(std::uint64_t bytes) override;
  status commit(byte_range range) override { return check(range); }
  status decommit(byte_range range) override { return check(range); }
  [[nodiscard]] bool covers(byte_range range) const override;
  void mend() override {}
  [[nodiscard]] std::uint64_t bytes() const override { return bytes_.load(); }
  [[nodiscard]] std::byte* base() const override { return base_.load(); }

 private:
  [[nodiscard]] status check(byte_range range) const;

  device_state& state_;
  std::atomic<std::uint64_t> bytes_ = 0;
  std::atomic<std::byte*> base_ = nullptr;
};

}  // namespace tierpager
