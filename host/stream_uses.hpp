// The streams that tensors are used on: which ones the device takes, the releases on them, and their retirement. A release records
// its fence on the caller's thread without the lock, since the stream is the caller's; a retirement of that stream waits until
// it has. Any thread; members marked so take the lock or want it. Acquires nothing, and keeps no handles.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include <core/owner.hpp>
#include <host/acquired_streams.hpp>
#include <host/host_stream_identity.hpp>
#include <host/last_uses.hpp>
#include <host/pager_core.hpp>
#include <host/releases_in_flight.hpp>
#include <host/this_thread_owner.hpp>
#include <tierpager/device.hpp>

namespace tierpager {

/// The use that a handle stands for.
struct held_use {
  tensor_id id;
  tier where;
  owner_id owner;
  stream_ref acquired_on;            // null: none
  std::uint64_t retirements_before;  // of streams, when the use began
};

class stream_uses {
 public:
  /// All outlive this.
  stream_uses(pager_core& core, device& on, last_uses& latest) : core_(core), device_(on), last_uses_(latest) {}

  // Which streams ---------------------------------------------------------------------------------------------------
  static constexpr stream_ref no_stream() { return stream_ref(static_cast<void*>(nullptr)); }
  /// Whether it is a stream of the device.
  [[nodiscard]] bool takes(stream_ref stream) const {
    return stream.kind() == kind_ && !stream.names_no_one_stream() && !host_stream_access::is_destroyed(stream);
  }
  /// Throws invalid_argument for what is no stream of the device.
  void check(stream_ref stream) const;
  /// Whether the device has answered for the stream.
  [[nodiscard]] bool knows(stream_ref stream) TIERPAGER_REQUIRES(pager_lock) { return acquired_.knows(stream); }
  /// Why the device does not take it, where it has not answered for it before: a hit makes no call with its stream, and the
  /// release would be the first to notice. Unlocks to ask.
  std::optional<failure> refuse_foreign(stream_ref stream) TIERPAGER_REQUIRES(pager_lock);
  /// Loading what is missing, or waiting for room, would have the stream wait for work that is not part of its graph. Unlocks
  /// to ask.
  std::optional<failure> refuse_while_capturing(stream_ref stream) TIERPAGER_REQUIRES(pager_lock);

  // Uses ------------------------------------------------------------------------------------------------------------
  /// One handle more on that stream.
  void count(stream_ref stream) TIERPAGER_REQUIRES(pager_lock) { acquired_.count(stream); }
  /// One more beside that one.
  void count_another(held_use const& beside) TIERPAGER_REQUIRES(pager_lock) {
    if (is_counted(beside)) acquired_.count_another(beside.acquired_on, beside.retirements_before);
  }
  /// How many streams were retired before now.
  [[nodiscard]] std::uint64_t retirements() const { return retirements_.load(std::memory_order_relaxed); }
  /// Ends the use, last used on `stream`, which was not retired before so many retirements; null where no work was queued. True
  /// where the caller is to delete the executor (pager_core::leave).
  [[nodiscard]] bool release(held_use const& use, stream_ref stream, std::uint64_t retirements_before) noexcept
      TIERPAGER_EXCLUDES(pager_lock);
  /// Nothing was queued, or by the CPU: the use is over.
  [[nodiscard]] bool release_unfenced(held_use const& use) noexcept TIERPAGER_EXCLUDES(pager_lock);

  /// The caller is about to destroy the stream. Waits for the releases that other threads are making.
  void retire(stream_ref stream) TIERPAGER_EXCLUDES(pager_lock);

  /// Handles out on streams.
  [[nodiscard]] std::uint64_t handles() const TIERPAGER_REQUIRES(pager_lock) { return acquired_.handles(); }

 private:
  result<bool> ask_whether_capturing(stream_ref stream) TIERPAGER_REQUIRES(pager_lock);
  static bool is_counted(held_use const& use) { return use.where == tier::vram && use.acquired_on.get() != nullptr; }
  /// One handle less on the stream that it was acquired on.
  void uncount(held_use const& use) TIERPAGER_REQUIRES(pager_lock) {
    if (is_counted(use)) acquired_.uncount(use.acquired_on, use.retirements_before);
  }
  /// Before its owner's use ends: a thread's handles are taken to be released by that thread until one is not.
  void note_releasing_thread(held_use const& use) TIERPAGER_REQUIRES(pager_lock) {
    if (use.owner != this_thread_owner() && is_thread(use.owner)) [[unlikely]]
      core_->released_elsewhere(use.owner);
  }
  result<fence> last_fence_of(stream_ref stream, std::uint64_t retirements_before, releases_in_flight::entry& inside)
      TIERPAGER_EXCLUDES(pager_lock) {
    if (retirements_.load() == retirements_before) return device_.record(stream);
    return last_fence_of_retired(stream, retirements_before, inside);
  }
  result<fence> last_fence_of_retired(stream_ref stream, std::uint64_t retirements_before,
                                      releases_in_flight::entry& inside) TIERPAGER_EXCLUDES(pager_lock);
  void release_unproven(held_use const& use, stream_ref stream, failure const& why) TIERPAGER_REQUIRES(pager_lock);
  std::uint64_t announce_retirement(stream_ref stream) TIERPAGER_EXCLUDES(pager_lock);
  void take_back_retirement(std::uint64_t number) TIERPAGER_EXCLUDES(pager_lock);

  pager_core& core_;
  device& device_;
  last_uses& last_uses_;
  stream_kind const kind_ = device_.takes();
  acquired_streams acquired_ TIERPAGER_GUARDED_BY(pager_lock);
  releases_in_flight releases_;
  annotated_mutex retiring_;                    // one retirement waits for releases at a time
  std::atomic<std::uint64_t> retirements_ = 0;  // written under the lock
};

}  // namespace tierpager
