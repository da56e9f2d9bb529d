// The latest fence of each stream that memory of the pager is used on, and the uses whose fence could not be recorded, which are
// unproven until a later fence of the same stream is. Memory goes back to the system when all of them have passed. Any
// thread, under the lock; `keys` also without. Does not release anything: stream_uses does.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <vector>

#include <host/pager_core.hpp>
#include <tierpager/device.hpp>

namespace tierpager {

class last_uses {
 public:
  /// Both outlive this.
  last_uses(pager_core& core, device& on) : core_(core), device_(on) {}

  void note(fence last_use) TIERPAGER_REQUIRES(pager_lock) {
    if (last_use.stream >= sequences_.size()) sequences_.resize(last_use.stream + 1, 0);
    sequences_[last_use.stream] = std::max(sequences_[last_use.stream], last_use.sequence);
  }

  /// Another use on `stream` whose fence could not be recorded. The key that the core knows it by; keys count up.
  std::uint32_t add_unproven(stream_ref stream) TIERPAGER_REQUIRES(pager_lock);
  [[nodiscard]] bool all_proved() const TIERPAGER_REQUIRES(pager_lock) { return unproven_.empty(); }
  /// The key of the next one. Uses on a stream with a lower key were queued before what is recorded there after this call.
  [[nodiscard]] std::uint32_t keys() const { return keys_.load(std::memory_order_acquire); }
  /// Notes a fence that was recorded after keys() was `keys_before`, and with it proves what was unproven on the stream then.
  void proved(stream_ref stream, fence recorded, std::uint32_t keys_before) TIERPAGER_REQUIRES(pager_lock);
  /// Where a use on the stream is unproven, records a fence for it, on the thread of the stream. Unlocks meanwhile.
  void prove_on(stream_ref stream) TIERPAGER_REQUIRES(pager_lock);

  /// Waits for all of them, and where `copies_too`, for the copy stream; not for what a failing device cannot say. For the end,
  /// when nobody else can want the lock.
  void wait_for_all(bool copies_too) TIERPAGER_REQUIRES(pager_lock);

 private:
  struct unproven_use {
    stream_ref stream;
    std::uint32_t key;
  };

  pager_core& core_;
  device& device_;
  std::vector<std::uint64_t> sequences_ TIERPAGER_GUARDED_BY(pager_lock);  // by stream; 0: none
  std::vector<unproven_use> unproven_ TIERPAGER_GUARDED_BY(pager_lock);
  std::atomic<std::uint32_t> keys_ = 0;  // written under the lock
};

}  // namespace tierpager
