// A VRAM arena of reserved addresses, backed with memory granule by granule; memory goes back in the granules it came
// in, since an unmap takes whole mappings only. Threads as vram_memory says. What a failed call leaves behind is kept in
// the books and made good by later calls or the destructor; a failed call's range is as it was.
#pragma once

#include <atomic>
#include <mutex>
#include <vector>

#include <cuda/driver_entry.hpp>
#include <cuda/vram_memory.hpp>

namespace tierpager {

class vram_arena final : public vram_memory {
 public:
  vram_arena(device_state& state, virtual_memory const& how, std::uint64_t granule_bytes_min);
  ~vram_arena() override;

  [[nodiscard]] std::uint64_t granule_bytes() const override { return granule_bytes_; }
  [[nodiscard]] bool can_remap() const override { return true; }
  result<std::byte*> reserve(std::uint64_t bytes) override;
  status commit(byte_range range) override;
  status decommit(byte_range range) override;
  [[nodiscard]] bool covers(byte_range range) const override;
  void mend() override;
  [[nodiscard]] std::uint64_t bytes() const override { return reserved_bytes_; }
  [[nodiscard]] std::byte* base() const override { return base_.load(); }

 private:
  /// Committed and mapped, or neither, but for what failing calls left: mapped alone could not be unmapped, committed
  /// alone could not be mapped back.
  struct granule {
    CUmemGenericAllocationHandle memory = 0;
    bool mapped = false;
    bool committed = false;
  };
  struct run {
    std::size_t first;
    std::size_t end;
  };

  [[nodiscard]] status check(byte_range range) const;
  [[nodiscard]] run run_of(byte_range range) const;
  [[nodiscard]] CUdeviceptr address_of(std::size_t index) const;
  status back(std::size_t index);
  status allow_access(run granules);
  void take_back(std::size_t index);
  status unmap(std::size_t index);
  void map_again(run granules);
  void repair();
  status free_strays(run but);
  status commit_granules(run granules);
  status decommit_granules(run granules);
  void release_spares();
  void set_committed(run granules, bool committed);

  device_state& state_;
  virtual_memory const how_;
  std::uint64_t const granule_bytes_;
  std::atomic<std::byte*> base_ = nullptr;
  std::uint64_t reserved_bytes_ = 0;                  // constant after reserve
  std::vector<CUmemGenericAllocationHandle> spares_;  // unmapped, and not released because that failed: used first

  std::vector<std::size_t> lost_;    // committed, but could not be mapped back
  std::vector<std::size_t> strays_;  // not committed, but could not be unmapped

  /// Commit, decommit and mending, one at a time, without a lock across their calls.
  class turn {
   public:
    explicit turn(vram_arena& of);
    turn(turn const&) = delete;
    turn& operator=(turn const&) = delete;
    ~turn();

   private:
    vram_arena& of_;
  };
  bool busy_ = false;  // guarded by mutex_

  mutable std::mutex mutex_;       // `mapped`, `committed`; only who has the turn writes them, or reads the rest
  std::vector<granule> granules_;  // by index; not resized after reserve
};

}  // namespace tierpager
