// The memory of both tiers: reserves it, commits it, gives it back, as the core asks. Readers and the threads in set_budget carry
// the remaps out, never two of one tier at once, since the core asks for one at a time. Any thread; members marked so take the
// lock or want it. Does not say what lies where: the core does.
#pragma once

#include <cstddef>
#include <deque>
#include <span>
#include <vector>

#include <host/pager_core.hpp>
#include <host/pager_warnings.hpp>
#include <tierpager/device.hpp>

namespace tierpager {

class device_memory {
 public:
  /// All outlive this.
  device_memory(pager_core& core, device& on, pager_warnings& warnings)
      : core_(core), device_(on), warnings_(warnings) {}

  /// Reserves both tiers and commits all of VRAM. Before any other thread knows the pager, so device calls are made under the
  /// lock. Throws what the device says.
  void open() TIERPAGER_REQUIRES(pager_lock);
  /// Where the tier begins; null where nothing is reserved. Constant once open.
  [[nodiscard]] std::byte* base(tier where) const { return where == tier::vram ? vram_base_ : ram_base_; }
  [[nodiscard]] std::span<std::byte> scratch() const { return scratch_; }

  void add(remap_command asked) TIERPAGER_REQUIRES(pager_lock) { remaps_.push_back(std::move(asked)); }
  /// Whether a thread is wanted that calls run_next.
  [[nodiscard]] bool has_work() const TIERPAGER_REQUIRES(pager_lock) { return !remaps_.empty(); }
  /// Carries out the first remap. Unlocks meanwhile.
  void run_next() TIERPAGER_REQUIRES(pager_lock);
  /// Returns once no memory comes or goes for the tier's budget, or the pager closes. Carries out itself what no thread has begun
  /// with: readers may take long over what they read.
  void wait_for_budget(tier where) TIERPAGER_REQUIRES(pager_lock);

 private:
  void reserve() TIERPAGER_REQUIRES(pager_lock);
  void commit() TIERPAGER_REQUIRES(pager_lock);
  void commit_now(remap_command const& asked) TIERPAGER_REQUIRES(pager_lock);
  void run(remap_command const& next) TIERPAGER_REQUIRES(pager_lock);

  pager_core& core_;
  device& device_;
  pager_warnings& warnings_;
  std::byte* vram_base_ = nullptr;
  std::byte* ram_base_ = nullptr;
  std::span<std::byte> scratch_;
  std::deque<remap_command> remaps_ TIERPAGER_GUARDED_BY(pager_lock);
  // One thread waits on each condition: where several wait on one, glibc before 2.41 may lose a notification (bug 25847).
  std::vector<condition*> resizers_ TIERPAGER_GUARDED_BY(pager_lock);  // of each thread in wait_for_budget
};

}  // namespace tierpager
