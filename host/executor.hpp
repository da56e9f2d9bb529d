// Carries out what the residency core decides: THE lock, and every thread of a pager. Readers bring chunks and memory,
// one copier feeds the copy stream, one waiter polls fences. No file, device or user code runs under the lock.
// Any thread may call any member. Lives until the pager is gone and the last handle is released; then deletes itself.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include <core/owner.hpp>
#include <core/residency/residency.hpp>
#include <host/acquired_streams.hpp>
#include <host/host_stream_identity.hpp>
#include <host/releases_in_flight.hpp>
#include <host/threading.hpp>
#include <host/trace.hpp>
#include <tierpager/pager.hpp>

namespace tierpager {

class executor {
 public:
  executor(model of, std::shared_ptr<device> on, pager_options const& options);
  executor(executor const&) = delete;
  executor& operator=(executor const&) = delete;

  std::vector<handle> acquire(std::span<tensor_id const> ids, tier where, std::optional<stream_ref> stream,
                              wait_options const& wait) TIERPAGER_EXCLUDES(mutex_);
  /// The same for one tensor; a null stream is none, as with `release`. A hit whose copy is complete allocates nothing and
  /// makes no device call.
  handle acquire_one(tensor_id id, tier where, stream_ref stream, wait_options const& wait) TIERPAGER_EXCLUDES(mutex_);
  std::optional<handle> try_acquire(tensor_id id, stream_ref stream) TIERPAGER_EXCLUDES(mutex_);
  handle share(handle const& one) TIERPAGER_EXCLUDES(mutex_);
  /// Last used on `stream`, which was not retired before so many retirements.
  void release(handle const& one, stream_ref stream, std::uint64_t retirements_before) noexcept
      TIERPAGER_EXCLUDES(mutex_);

  void set_order(std::span<tensor_id const> ids) TIERPAGER_EXCLUDES(mutex_);
  void set_order(std::span<std::vector<tensor_id> const> sets) TIERPAGER_EXCLUDES(mutex_);
  void prefetch(std::span<tensor_id const> ids) TIERPAGER_EXCLUDES(mutex_);
  [[nodiscard]] std::vector<event> take_events() TIERPAGER_EXCLUDES(mutex_);
  void pin(std::span<tensor_id const> ids, tier where) TIERPAGER_EXCLUDES(mutex_);
  /// By glob or preset; warns where it covers less than it seems to.
  void pin(std::vector<std::string> const& globs_or_presets, tier where) TIERPAGER_EXCLUDES(mutex_);
  void unpin(std::span<tensor_id const> ids, tier where) TIERPAGER_EXCLUDES(mutex_);
  budget_report set_budget(tier where, budget const& to) TIERPAGER_EXCLUDES(mutex_);
  void retire_stream(stream_ref stream) TIERPAGER_EXCLUDES(mutex_);

  [[nodiscard]] catalog const& tensors() const { return tensors_; }
  [[nodiscard]] tierpager::metadata const& metadata() const { return metadata_; }
  [[nodiscard]] device& on() const { return *device_; }
  [[nodiscard]] std::span<std::byte> scratch() const { return scratch_; }
  [[nodiscard]] bool resident(tensor_id id, tier where) const TIERPAGER_EXCLUDES(mutex_);
  [[nodiscard]] bool pinned(tensor_id id, tier where) const TIERPAGER_EXCLUDES(mutex_);
  [[nodiscard]] std::uint64_t generation(tensor_id id) const TIERPAGER_EXCLUDES(mutex_);
  [[nodiscard]] statistics stats() const TIERPAGER_EXCLUDES(mutex_);
  /// Throws invalid_argument for what is no stream of the device.
  void check_stream(stream_ref stream) const;
  /// The id, or throws unknown_tensor.
  [[nodiscard]] tensor_id id_of(std::string_view name) const;

  void close() noexcept TIERPAGER_EXCLUDES(mutex_);
  /// The pager is gone: the last release deletes the executor; now, if there is none to come. Closes first.
  void abandon() noexcept TIERPAGER_EXCLUDES(mutex_);

 private:
  /// A caller blocked in acquire.
  struct blocked {
    condition wake;
    bool over = false;
    std::optional<failure> why;
    std::optional<fence> runs_until;                  // its stream has work to do until then; none: it has none left
    std::chrono::steady_clock::time_point dry_since;  // where it has none
  };

  static owner_id this_thread_owner() { return owner_of_thread(this_thread_number()); }
  static owner_id owner_for(wait_options const& wait) {
    return wait.owner == owner_id::this_thread ? this_thread_owner() : wait.owner;
  }

  ~executor();
  void open_core(residency_options const& core, pager_options const& options) TIERPAGER_EXCLUDES(mutex_);
  void open_arenas() TIERPAGER_REQUIRES(mutex_);
  void commit_at_open() TIERPAGER_REQUIRES(mutex_);
  void check_id(tensor_id id) const;
  /// 100 % of a tier.
  [[nodiscard]] std::uint64_t whole_bytes(tier where) const { return whole_bytes_[static_cast<std::size_t>(where)]; }
  [[nodiscard]] std::uint64_t resolve(tier where, budget const& named, std::uint64_t other_budget_bytes) const
      TIERPAGER_EXCLUDES(mutex_);
  void dispatch() TIERPAGER_REQUIRES(mutex_) {
    if (core_->has_commands()) [[unlikely]]
      carry_out();
  }
  void carry_out() TIERPAGER_REQUIRES(mutex_);
  /// The same after a call that a plan may be wanted for, which the calling thread then makes.
  void dispatch_and_plan() TIERPAGER_REQUIRES(mutex_);
  void take(command& one) TIERPAGER_REQUIRES(mutex_);
  void note_event(event const& one) TIERPAGER_REQUIRES(mutex_);
  void declare(acquire_order order) TIERPAGER_EXCLUDES(mutex_);
  void tell_what_has_passed() TIERPAGER_REQUIRES(mutex_);
  void resize(tier where) TIERPAGER_REQUIRES(mutex_);
  void warn_of_refusals() TIERPAGER_REQUIRES(mutex_);
  void warn_of_unlocked_ram() TIERPAGER_REQUIRES(mutex_);
  void warn_of_pins(std::vector<std::string> const& globs_and_presets, tier where) TIERPAGER_EXCLUDES(mutex_);
  /// `is_automatic`: by tier.
  void warn_of_budgets(std::array<bool, 2> is_automatic) TIERPAGER_EXCLUDES(mutex_);
  [[nodiscard]] std::optional<failure> refusal_of_largest() TIERPAGER_REQUIRES(mutex_);
  void end(request_id request, std::optional<failure> why) TIERPAGER_REQUIRES(mutex_);
  result<bool> ask_whether_capturing(stream_ref stream) TIERPAGER_REQUIRES(mutex_);
  std::optional<failure> refuse_foreign(stream_ref stream) TIERPAGER_REQUIRES(mutex_);
  std::optional<failure> refuse_while_capturing(stream_ref stream) TIERPAGER_REQUIRES(mutex_);
  /// `stream`: null for none.
  std::optional<failure> acquire_or_wait(std::span<tensor_id const> ids, tier where, stream_ref stream,
                                         wait_options const& wait, trace_range& waiting) TIERPAGER_REQUIRES(mutex_);
  std::optional<failure> wait_for(request_id request, std::span<tensor_id const> ids, stream_ref stream,
                                  wait_options const& wait, trace_range& waiting) TIERPAGER_REQUIRES(mutex_);
  void note_last_work(blocked& caller, stream_ref stream) TIERPAGER_REQUIRES(mutex_);
  /// Whether it is one of the device's.
  [[nodiscard]] bool takes(stream_ref stream) const {
    return stream.kind() == streams_ && !stream.names_no_one_stream() && !host_stream_access::is_destroyed(stream);
  }
  static constexpr stream_ref no_stream() { return stream_ref(static_cast<void*>(nullptr)); }
  handle handle_to(slot const& place, tensor_id id, tier where, stream_ref stream, owner_id owner)
      TIERPAGER_REQUIRES(mutex_) {
    ++outstanding_;
    std::byte const* const base = where == tier::vram ? vram_base_ : ram_base_;
    std::byte const* const data = place.bytes > 0 ? base + place.range.offset : nullptr;
    if (data == nullptr) stream = no_stream();  // what is empty is used nowhere
    if (where == tier::vram && data != nullptr) streams_acquired_.count(stream);
    return {this, data, place.bytes, stream, owner, retirements_.load(std::memory_order_relaxed), id, where};
  }
  void order_after(std::span<handle> handles, stream_ref stream, std::optional<fence> until) TIERPAGER_EXCLUDES(mutex_);
  /// Before its owner's use ends: a thread's handles are taken to be released by that thread until one is not.
  void note_releasing_thread(handle const& one) TIERPAGER_REQUIRES(mutex_) {
    if (one.owner_ != this_thread_owner() && is_thread(one.owner_)) [[unlikely]]
      core_->released_elsewhere(one.owner_);
  }
  /// Deletes this, on whatever thread: what waits for streams must not do so on the thread of one.
  void delete_this() noexcept;
  /// One handle or one caller less. True for the last one out of an abandoned executor, who deletes it, without the lock.
  [[nodiscard]] bool leave() TIERPAGER_REQUIRES(mutex_) { return --outstanding_ == 0 && abandoned_; }

  // executor_uses.cpp
  /// A release whose fence could not be recorded. Keys count up.
  struct unproven_use {
    stream_ref stream;
    std::uint32_t key;
  };
  result<fence> last_fence_of(stream_ref stream, std::uint64_t retirements_before, releases_in_flight::entry& inside)
      TIERPAGER_EXCLUDES(mutex_) {
    if (retirements_.load() == retirements_before) return device_->record(stream);
    return last_fence_of_retired(stream, retirements_before, inside);
  }
  result<fence> last_fence_of_retired(stream_ref stream, std::uint64_t retirements_before,
                                      releases_in_flight::entry& inside) TIERPAGER_EXCLUDES(mutex_);
  std::uint64_t announce_retirement(stream_ref stream) TIERPAGER_EXCLUDES(mutex_);
  static bool is_counted(handle const& one) { return one.tier_ == tier::vram && one.stream_ != nullptr; }
  /// One handle less on the stream that it was acquired on.
  void uncount(handle const& one) TIERPAGER_REQUIRES(mutex_) {
    if (is_counted(one)) streams_acquired_.uncount(one.stream(), one.retirements_before_);
  }
  void take_back_retirement(std::uint64_t number) TIERPAGER_EXCLUDES(mutex_);
  void release_unfenced(handle const& one) noexcept TIERPAGER_EXCLUDES(mutex_);
  void release_unproven(handle const& one, stream_ref stream, failure const& why) TIERPAGER_REQUIRES(mutex_);
  void note_use(fence last_use) TIERPAGER_REQUIRES(mutex_) {
    if (last_use.stream >= last_uses_.size()) last_uses_.resize(last_use.stream + 1, 0);
    last_uses_[last_use.stream] = std::max(last_uses_[last_use.stream], last_use.sequence);
  }
  void prove_uses_on(stream_ref stream) TIERPAGER_REQUIRES(mutex_);
  void proved(stream_ref stream, fence recorded, std::uint32_t keys_before) TIERPAGER_REQUIRES(mutex_);
  void tell_if_lost(failure const& why) TIERPAGER_REQUIRES(mutex_);

  // executor_threads.cpp
  void start_threads(unsigned readers) TIERPAGER_EXCLUDES(mutex_);
  void wake_reader() TIERPAGER_REQUIRES(mutex_);
  void read_loop() TIERPAGER_EXCLUDES(mutex_);
  void copy_loop() TIERPAGER_EXCLUDES(mutex_);
  void wait_loop() TIERPAGER_EXCLUDES(mutex_);
  void run_remap(remap_command const& what) TIERPAGER_REQUIRES(mutex_);
  void run_read(read_command const& what) TIERPAGER_REQUIRES(mutex_);
  void run_copy(copy_command const& what) TIERPAGER_REQUIRES(mutex_);
  void run_settle() TIERPAGER_REQUIRES(mutex_);
  void trace_evictions() TIERPAGER_REQUIRES(mutex_);
  bool poll(unsigned& failures) TIERPAGER_REQUIRES(mutex_);
  void note_dry_streams() TIERPAGER_REQUIRES(mutex_);
  bool answer_running(std::uint32_t stream) TIERPAGER_REQUIRES(mutex_);

  // Constant after construction.
  catalog const tensors_;
  tierpager::metadata const metadata_;
  tracer const trace_;
  bool const record_events_;
  warning_callback const on_warning_;
  std::shared_ptr<source> const source_;
  std::shared_ptr<device> const device_;
  stream_kind const streams_;                   // that the device takes
  std::array<std::uint64_t, 2> whole_bytes_{};  // by tier: what 100 % of it is
  std::byte* vram_base_ = nullptr;
  std::byte* ram_base_ = nullptr;
  std::span<std::byte> scratch_;
  std::vector<thread> threads_;  // joined by close()

  mutable annotated_mutex mutex_;
  std::unique_ptr<residency> core_ TIERPAGER_GUARDED_BY(mutex_);
  std::vector<command> commands_ TIERPAGER_GUARDED_BY(mutex_);
  std::deque<read_command> reads_ TIERPAGER_GUARDED_BY(mutex_);
  std::deque<remap_command> remaps_ TIERPAGER_GUARDED_BY(mutex_);
  std::deque<std::optional<copy_command>> copies_ TIERPAGER_GUARDED_BY(mutex_);  // none: settle
  std::deque<plan_command> plans_ TIERPAGER_GUARDED_BY(mutex_);                  // not made yet
  std::vector<tell_evicted_command> evicted_ TIERPAGER_GUARDED_BY(mutex_);       // not traced yet
  std::vector<event> events_ TIERPAGER_GUARDED_BY(mutex_);                       // not taken yet
  std::map<std::uint32_t, std::set<std::uint64_t>> watches_ TIERPAGER_GUARDED_BY(mutex_);
  std::vector<fence> asked_ TIERPAGER_GUARDED_BY(mutex_);  // watched, and to be answered at once
  std::map<request_id, blocked*> blocked_ TIERPAGER_GUARDED_BY(mutex_);
  std::vector<blocked*> running_ TIERPAGER_GUARDED_BY(mutex_);  // of these, whose streams still have work
  std::array<std::uint64_t, 2> refusals_told_ TIERPAGER_GUARDED_BY(mutex_){};  // by tier
  bool unlocked_ram_told_ TIERPAGER_GUARDED_BY(mutex_) = false;
  releases_in_flight releases_;
  annotated_mutex retiring_;  // one retirement waits for releases at a time
  std::vector<unproven_use> unproven_ TIERPAGER_GUARDED_BY(mutex_);
  acquired_streams streams_acquired_ TIERPAGER_GUARDED_BY(mutex_);
  std::vector<std::uint64_t> last_uses_ TIERPAGER_GUARDED_BY(mutex_);  // by stream: must pass before memory goes
  std::uint64_t outstanding_ TIERPAGER_GUARDED_BY(mutex_) = 0;         // handles, and callers inside
  double stall_seconds_ TIERPAGER_GUARDED_BY(mutex_) = 0;
  bool closed_ TIERPAGER_GUARDED_BY(mutex_) = false;
  bool abandoned_ TIERPAGER_GUARDED_BY(mutex_) = false;
  std::atomic<std::uint32_t> unproven_keys_ = 0;  // written under the lock
  std::atomic<std::uint64_t> retirements_ = 0;    // written under the lock
  // One thread waits on each condition: where several wait on one, glibc before 2.41 may lose a notification (bug 25847).
  std::vector<condition*> idle_readers_ TIERPAGER_GUARDED_BY(mutex_);  // each reader's own
  std::vector<condition*> resizers_ TIERPAGER_GUARDED_BY(mutex_);      // of each thread that waits in set_budget
  condition copier_wake_, waiter_wake_;
};

}  // namespace tierpager
