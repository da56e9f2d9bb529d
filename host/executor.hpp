// One pager behind its facade: the calls, made of the parts below under the one lock of pager_core; the threads, which run the
// loops of parts; and which part takes which command of the core. No file, device or user code runs under the lock. Any
// thread may call any member. Lives until the pager is gone and the last handle is released; then deletes itself.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <host/blocked_callers.hpp>
#include <host/copier.hpp>
#include <host/device_memory.hpp>
#include <host/fence_watcher.hpp>
#include <host/known_ids.hpp>
#include <host/last_uses.hpp>
#include <host/pager_core.hpp>
#include <host/pager_warnings.hpp>
#include <host/plan_maker.hpp>
#include <host/readers.hpp>
#include <host/stall_clock.hpp>
#include <host/stream_uses.hpp>
#include <host/this_thread_owner.hpp>
#include <host/tier_budgets.hpp>
#include <host/trace.hpp>
#include <tierpager/pager.hpp>

namespace tierpager {

class executor final : private command_taker {
 public:
  executor(model of, std::shared_ptr<device> on, pager_options const& options);

  std::vector<handle> acquire(std::span<tensor_id const> ids, tier where, std::optional<stream_ref> stream,
                              wait_options const& wait) TIERPAGER_EXCLUDES(pager_lock);
  /// The same for one tensor; a null stream is none, as with `release`. A hit whose copy is complete allocates nothing and
  /// makes no device call.
  handle acquire_one(tensor_id id, tier where, stream_ref stream, wait_options const& wait)
      TIERPAGER_EXCLUDES(pager_lock);
  std::optional<handle> try_acquire(tensor_id id, stream_ref stream) TIERPAGER_EXCLUDES(pager_lock);
  handle share(handle const& held) TIERPAGER_EXCLUDES(pager_lock);
  /// Last used on `stream`, which was not retired before so many retirements.
  void release(handle const& held, stream_ref stream, std::uint64_t retirements_before) noexcept
      TIERPAGER_EXCLUDES(pager_lock) {
    if (streams_.release(use_of(held), stream, retirements_before)) [[unlikely]]
      delete_this();
  }

  void set_order(std::span<tensor_id const> ids) { plans_.declare(ids); }
  void set_order(std::span<std::vector<tensor_id> const> sets) { plans_.declare(sets); }
  void prefetch(std::span<tensor_id const> ids) TIERPAGER_EXCLUDES(pager_lock);
  [[nodiscard]] std::vector<event> take_events() TIERPAGER_EXCLUDES(pager_lock);
  void pin(std::span<tensor_id const> ids, tier where) TIERPAGER_EXCLUDES(pager_lock);
  /// By glob or preset; warns where it covers less than it seems to.
  void pin(std::vector<std::string> const& globs_or_presets, tier where) TIERPAGER_EXCLUDES(pager_lock);
  void unpin(std::span<tensor_id const> ids, tier where) TIERPAGER_EXCLUDES(pager_lock);
  budget_report set_budget(tier where, budget const& to) TIERPAGER_EXCLUDES(pager_lock);
  void retire_stream(stream_ref stream) { streams_.retire(stream); }

  [[nodiscard]] catalog const& tensors() const { return tensors_; }
  [[nodiscard]] tierpager::metadata const& metadata() const { return metadata_; }
  [[nodiscard]] device& on() const { return *device_; }
  [[nodiscard]] std::span<std::byte> scratch() const { return memory_.scratch(); }
  [[nodiscard]] bool resident(tensor_id id, tier where) const TIERPAGER_EXCLUDES(pager_lock);
  [[nodiscard]] bool pinned(tensor_id id, tier where) const TIERPAGER_EXCLUDES(pager_lock);
  [[nodiscard]] std::uint64_t generation(tensor_id id) const TIERPAGER_EXCLUDES(pager_lock);
  [[nodiscard]] statistics stats() const TIERPAGER_EXCLUDES(pager_lock);
  /// Throws invalid_argument for what is no stream of the device.
  void check_stream(stream_ref stream) const { streams_.check(stream); }
  /// The id, or throws unknown_tensor.
  [[nodiscard]] tensor_id id_of(std::string_view name) const { return id_named(tensors_, name); }

  void close() noexcept TIERPAGER_EXCLUDES(pager_lock);
  /// The pager is gone: the last release deletes the executor; now, if there is none to come. Closes first.
  void abandon() noexcept TIERPAGER_EXCLUDES(pager_lock);

 private:
  static owner_id owner_for(wait_options const& wait) {
    return wait.owner == owner_id::this_thread ? this_thread_owner() : wait.owner;
  }
  static held_use use_of(handle const& held) {
    return {.id = held.id_,
            .where = held.tier_,
            .owner = held.owner_,
            .acquired_on = held.stream(),
            .retirements_before = held.retirements_before_};
  }

  ~executor();
  void open(pager_options const& options) TIERPAGER_EXCLUDES(pager_lock);
  void start_threads(unsigned reader_threads) TIERPAGER_EXCLUDES(pager_lock);
  void take(command& next) override TIERPAGER_REQUIRES(pager_lock);
  void note_event(event const& what) TIERPAGER_REQUIRES(pager_lock);
  /// `stream`: null for none.
  std::optional<failure> acquire_or_wait(std::span<tensor_id const> ids, tier where, stream_ref stream,
                                         wait_options const& wait, trace_range& waiting) TIERPAGER_REQUIRES(pager_lock);
  handle handle_to(slot const& place, tensor_id id, tier where, stream_ref stream, owner_id owner)
      TIERPAGER_REQUIRES(pager_lock) {
    core_.enter();
    std::byte const* const data = place.bytes > 0 ? memory_.base(where) + place.range.offset : nullptr;
    if (data == nullptr) stream = stream_uses::no_stream();  // what is empty is used nowhere
    if (where == tier::vram && data != nullptr) streams_.count(stream);
    return {this, data, place.bytes, stream, owner, streams_.retirements(), id, where};
  }
  void order_after(std::span<handle> handles, stream_ref stream, std::optional<fence> until)
      TIERPAGER_EXCLUDES(pager_lock);
  /// Deletes this, on whatever thread: what waits for streams must not do so on the thread of one.
  void delete_this() noexcept;

  // Constant after construction.
  catalog const tensors_;
  tierpager::metadata const metadata_;
  tracer const trace_;
  bool const record_events_;
  std::shared_ptr<source> const source_;
  std::shared_ptr<device> const device_;
  tier_budgets const budgets_;

  pager_core core_{*this};
  pager_warnings warnings_;
  device_memory memory_{core_, *device_, warnings_};
  last_uses last_uses_{core_, *device_};
  stream_uses streams_{core_, *device_, last_uses_};
  plan_maker plans_{core_, tensors_};
  stall_clock stalls_{core_, *device_};
  fence_watcher watcher_{core_, *device_, stalls_};
  blocked_callers blocked_{core_, *device_, trace_, plans_, stalls_, watcher_};
  readers readers_{core_, *source_, *device_, tensors_, trace_, memory_};
  copier copier_{core_, *device_, trace_, last_uses_};
  std::vector<event> events_ TIERPAGER_GUARDED_BY(pager_lock);  // not taken yet
  std::vector<thread> threads_;                                 // constant after construction; joined by close()
};

}  // namespace tierpager
