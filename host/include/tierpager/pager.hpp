// The facade: a two-tier pager over one model, and the handles it gives out. Every member may be called from any
// thread. Failures are thrown as tierpager::error. The pager and its handles share their state: closing or destroying
// the pager leaves every handle right until it is released; the last release, on whatever thread, cleans up.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <tierpager/budget.hpp>
#include <tierpager/catalog.hpp>
#include <tierpager/device.hpp>
#include <tierpager/event.hpp>
#include <tierpager/export.hpp>
#include <tierpager/model.hpp>
#include <tierpager/name_view.hpp>
#include <tierpager/source.hpp>
#include <tierpager/statistics.hpp>
#include <tierpager/transfer_rates.hpp>
#include <tierpager/types.hpp>
#include <tierpager/warnings.hpp>

namespace tierpager {

class executor;

/// What a pager may use and how it decides. Fixed for its life but for budgets and pins.
struct pager_options {
  /// Device memory; `none` for a pager that serves acquire_host alone.
  budget vram = "auto";
  /// Page-locked RAM: a thread of the pager locks all of the budget that the model needs, while the first tensors come.
  /// Never less than the buffer of two chunks that loads into VRAM pass through, even with `none`.
  budget ram = "auto";
  /// Pins, by name glob or by preset: "embeddings", "output", "last:N" (the N last layers). Lazy: see pager::pin.
  std::vector<std::string> pin_vram = {};
  /// The same for RAM.
  std::vector<std::string> pin_ram = {};
  /// Pins may exceed the budget: then everything unpinned leaves and the budget is a target, not a bound.
  bool overcommit_pins = false;
  /// "auto": finds the order in which tensors are acquired, or takes the declared one, and plans for it; where there is
  /// none, decides by use. "lru": exactly that, without plans.
  std::string policy = "auto";
  transfer_rates rates = {};              // for plans, where known
  std::uint64_t chunk_bytes = 8U << 20U;  // reads and copies go in pieces of at most this; 4 MiB to 16 MiB suit most
  unsigned reader_threads = 4;            // that read from the source
  bool record_events = false;             // see pager::take_events
  std::uint64_t scratch_bytes = 0;        // device memory for the caller's own use, inside the VRAM budget
  /// Told what a user should know though nothing failed: RAM is not page-locked, and why; the system gives a tier less than
  /// its budget, or `auto` found less than is needed; a tensor exceeds the budget; a pin covers less than it seems to; for
  /// open(), `automatic` fell back to the host device. Called on the thread that finds out, which is that of the constructor, of
  /// pin or of set_budget, or one of the pager's own, one at a time or several; never under the pager's lock. It must neither
  /// throw nor call the pager. An empty function silences.
  warning_callback on_warning = write_warning;
};

/// A token for wait_options::owner that no thread and no other token equals. Any thread.
[[nodiscard]] TIERPAGER_EXPORT owner_id new_owner();

/// How long an acquire may wait for room, and for whom.
struct wait_options {
  /// Ends the wait with `cancelled`.
  std::stop_token stop = {};
  /// Ends the wait with `timed_out`; the message lists the tensor that finds no room and who holds what.
  std::optional<std::chrono::steady_clock::time_point> deadline = std::nullopt;
  /// Whom the handles count for: the calling thread, or a token from new_owner(), which threads may share. It decides two
  /// things. An owner that holds handles is let past requests that wait. And an acquire for which there can be no room, or no
  /// RAM to load through, before its own owner releases something fails with `would_deadlock`, at once, whatever its deadline.
  ///
  /// The second holds for a thread as long as it releases its handles itself: once one of them is released on another
  /// thread, its acquires wait for the others (of very many threads the pager remembers that of the latest). So what
  /// another thread or task releases is best acquired with a token of its own for each handle or task.
  owner_id owner = owner_id::this_thread;
};

/// One use of one resident tensor. Move-only; released on destruction.
/// The bytes are right in the order of the stream it was acquired on, and stay so until the work queued there before
/// the release has run.
class TIERPAGER_EXPORT handle {
 public:
  handle() = default;
  /// The use goes over; `other` is empty.
  handle(handle&& other) noexcept;
  /// Releases what this held; then the use goes over.
  handle& operator=(handle&& other) noexcept;
  ~handle() { release(); }

  /// Whether it holds a use: not default-constructed, moved from or released.
  explicit operator bool() const { return executor_ != nullptr; }
  /// Which tensor.
  [[nodiscard]] tensor_id id() const { return id_; }
  /// VRAM for a handle of acquire, RAM for one of acquire_host.
  [[nodiscard]] tier where() const { return tier_; }
  /// The tensor's bytes, as its file has them, without alignment.
  [[nodiscard]] std::uint64_t size_bytes() const { return bytes_; }
  /// Device pointer (of acquire) or host pointer (of acquire_host), aligned to 256 bytes; null for an empty tensor.
  template <class T = std::byte>
  [[nodiscard]] T const* data() const {
    return reinterpret_cast<T const*>(data_);
  }
  /// The same as an array of T: on the CUDA device, device memory. Throws `invalid_argument` where the tensor's bytes are no whole
  /// number of T or not aligned for it, or the handle is empty. What a T has to be is for info() to say.
  template <class T>
  requires std::is_trivially_copyable_v<T>
  [[nodiscard]] std::span<T const> span() const {
    check_span(sizeof(T), alignof(T));
    return {data<T>(), static_cast<std::size_t>(bytes_ / sizeof(T))};
  }
  /// Name, dtype, shape, dimension order, and the block of a quantised type. Valid as long as the handle, whatever becomes of the
  /// pager. Throws `invalid_argument` for an empty handle.
  [[nodiscard]] tensor_info const& info() const;
  /// Another use of the same tensor, with a release of its own. It counts for the same token, or for the calling thread.
  [[nodiscard]] handle share() const;
  /// Ends the use: last used on the stream it was acquired on. Does nothing on an empty handle. Waits for no
  /// work; while another thread retires that stream, for microseconds, until it is retired.
  void release() noexcept;
  /// Ends the use of a device handle that was last used on `stream`, which the caller has ordered after the acquiring
  /// one. Does not wait. Throws `invalid_argument`, and releases nothing, for what is no stream of the pager's device.
  void release(stream_ref stream);

 private:
  friend class executor;
  handle(executor* from, std::byte const* data, std::uint64_t bytes, stream_ref stream, owner_id owner,
         std::uint64_t retirements_before, tensor_id id, tier where)
      : executor_(from),
        data_(data),
        bytes_(bytes),
        stream_(stream.get()),
        owner_(owner),
        retirements_before_(retirements_before),
        id_(id),
        tier_(where),
        stream_kind_(stream.kind()) {}
  [[nodiscard]] stream_ref stream() const { return {stream_, stream_kind_}; }
  void check_span(std::size_t element_bytes, std::size_t align_bytes) const;
  void end_use(stream_ref last_on, std::uint64_t retirements_before) noexcept;

  executor* executor_ = nullptr;
  std::byte const* data_ = nullptr;
  std::uint64_t bytes_ = 0;
  void* stream_ = nullptr;
  owner_id owner_{};
  std::uint64_t retirements_before_ = 0;  // streams retired when the use began
  tensor_id id_{};
  tier tier_ = tier::vram;
  stream_kind stream_kind_ = stream_kind::own;
};

/// Names one behind the other: a vector or a view of strings, of views, of literals.
template <class Names>
concept name_range = std::ranges::input_range<Names> &&
    std::convertible_to<std::ranges::range_reference_t<Names>, name_view> && !std::convertible_to<Names, name_view>;

/// What became of a new budget, when set_budget returned; statistics have the same figures at any time.
struct budget_report {
  std::uint64_t asked_bytes = 0;  // in bytes; 2^64-1 for `unlimited`
  std::uint64_t least_bytes = 0;  // that work: effective where that is more than was asked for
  std::uint64_t effective_bytes =
      0;  // what binds now: the old budget while bytes are pending, less where the system gave less
  std::uint64_t pending_bytes = 0;  // above the new budget; given back as handles are released and their work is done
};

/// Pages the tensors of one model. See the head of this file for threads, failures and life.
class TIERPAGER_EXPORT pager {
 public:
  /// A catalog and a source built in code, on a device: `file` and `offset` of each tensor are what `source` is asked
  /// for. `auto` budgets are resolved now.
  pager(catalog tensors, std::shared_ptr<source> from, std::shared_ptr<device> on, pager_options const& options = {});
  /// The same for a model that was read from files (read_model), whose metadata it keeps.
  pager(model of, std::shared_ptr<device> on, pager_options const& options = {});
  /// The other is left without a pager: it may be destroyed or assigned to, nothing else.
  pager(pager&&) noexcept;
  /// The same; what this was is closed first.
  pager& operator=(pager&&) noexcept;
  ~pager();  // close()

  /// Makes the tensor's bytes available to work queued on `stream` after this call. A hit waits
  /// only behind requests that already wait for room; a miss waits until every copy is queued. Throws `unknown_tensor`,
  /// `budget_too_small`, `would_deadlock`, `blocked_by_handles`, `cancelled`, `timed_out`, `closed`, or what the source or the
  /// device reported; `would_wait` for a miss on a stream that captures a graph; `invalid_argument` for null and
  /// cudaStreamPerThread, and for what is no stream of the device: a CUDA stream for the host device, a host_stream for the CUDA
  /// device, a host_stream that was destroyed (which the device can tell only of one that it has seen). See wait_options for
  /// whom the handle counts for and how long the call may wait.
  [[nodiscard]] handle acquire(name_view name, stream_ref stream, wait_options const& wait = {});
  /// The same by id, which looks up no name.
  [[nodiscard]] handle acquire(tensor_id id, stream_ref stream, wait_options const& wait = {});
  /// All of a set or nothing, in its order.
  [[nodiscard]] std::vector<handle> acquire(std::span<tensor_id const> ids, stream_ref stream,
                                            wait_options const& wait = {});
  /// The same, written out: `{id, id}`.
  [[nodiscard]] std::vector<handle> acquire(std::initializer_list<tensor_id> ids, stream_ref stream,
                                            wait_options const& wait = {}) {
    return acquire(std::span(ids), stream, wait);
  }
  /// By name: `{"a", "b"}`. Braces make a set of one name, too.
  [[nodiscard]] std::vector<handle> acquire(std::initializer_list<name_view> names, stream_ref stream,
                                            wait_options const& wait = {}) {
    return acquire(std::span<tensor_id const>(ids_of(names)), stream, wait);
  }
  /// By name, in whatever holds the names.
  template <name_range Names>
  [[nodiscard]] std::vector<handle> acquire(Names&& names, stream_ref stream, wait_options const& wait = {}) {
    return acquire(std::span<tensor_id const>(ids_of(names)), stream, wait);
  }
  /// A handle where the tensor is resident, or its copy queued; else nothing, at once, and no load is started. It counts for
  /// the calling thread.
  [[nodiscard]] std::optional<handle> try_acquire(tensor_id id, stream_ref stream);
  /// The same by name.
  [[nodiscard]] std::optional<handle> try_acquire(name_view name, stream_ref stream) {
    return try_acquire(id_of(name), stream);
  }
  /// The same for page-locked host RAM: a host pointer, right when the call returns.
  [[nodiscard]] handle acquire_host(name_view name, wait_options const& wait = {});
  /// The same by id.
  [[nodiscard]] handle acquire_host(tensor_id id, wait_options const& wait = {});
  /// All of a set or nothing, in its order.
  [[nodiscard]] std::vector<handle> acquire_host(std::span<tensor_id const> ids, wait_options const& wait = {});
  /// The same, written out: `{id, id}`.
  [[nodiscard]] std::vector<handle> acquire_host(std::initializer_list<tensor_id> ids, wait_options const& wait = {}) {
    return acquire_host(std::span(ids), wait);
  }
  /// By name: `{"a", "b"}`.
  [[nodiscard]] std::vector<handle> acquire_host(std::initializer_list<name_view> names,
                                                 wait_options const& wait = {}) {
    return acquire_host(std::span<tensor_id const>(ids_of(names)), wait);
  }
  /// By name, in whatever holds the names.
  template <name_range Names>
  [[nodiscard]] std::vector<handle> acquire_host(Names&& names, wait_options const& wait = {}) {
    return acquire_host(std::span<tensor_id const>(ids_of(names)), wait);
  }

  /// How tensors will be acquired for the device, cycle after cycle: one at a time, each released before the next, or in
  /// sets that are held together. An empty order is taken back: then it is learned. A hint: acquires that depart from it
  /// are served all the same. Takes effect before it returns; no effect with an exact policy. Throws `unknown_tensor`.
  void set_order(std::span<tensor_id const> ids);
  /// The same, written out: `{id, id}`.
  void set_order(std::initializer_list<tensor_id> ids) { set_order(std::span(ids)); }
  /// By name: `{"a", "b"}`.
  void set_order(std::initializer_list<name_view> names) { set_order(std::span<tensor_id const>(ids_of(names))); }
  /// By name, in whatever holds the names.
  template <name_range Names>
  void set_order(Names&& names) {
    set_order(std::span<tensor_id const>(ids_of(names)));
  }
  /// The same for sets: each is acquired as one, and released before the next is.
  void set_order(std::span<std::vector<tensor_id> const> sets);
  /// Starts loading into VRAM, as far as there is room that neither handles nor the plan nor other loads ahead need, and
  /// after all that is being acquired. Does not wait, and does not say what was passed over. Throws `unknown_tensor`.
  void prefetch(std::span<tensor_id const> ids);
  /// The same for one tensor.
  void prefetch(tensor_id id) { prefetch(std::span(&id, 1)); }
  /// By name.
  void prefetch(name_view name) { prefetch(id_of(name)); }
  /// The same, written out: `{id, id}`.
  void prefetch(std::initializer_list<tensor_id> ids) { prefetch(std::span(ids)); }
  /// By name: `{"a", "b"}`.
  void prefetch(std::initializer_list<name_view> names) { prefetch(std::span<tensor_id const>(ids_of(names))); }
  /// By name, in whatever holds the names.
  template <name_range Names>
  void prefetch(Names&& names) {
    prefetch(std::span<tensor_id const>(ids_of(names)));
  }

  /// Adds to a tier's pin set. Lazy: a pinned tensor is loaded by its first acquire and from then on is no victim.
  /// Throws `budget_too_small`, and pins nothing, where the pins would leave no room for the largest unpinned tensor.
  void pin(std::span<tensor_id const> ids, tier where);
  /// The same for one tensor.
  void pin(tensor_id id, tier where) { pin(std::span(&id, 1), where); }
  /// The same, written out: `{id, id}`.
  void pin(std::initializer_list<tensor_id> ids, tier where) { pin(std::span(ids), where); }
  /// By glob or preset; throws `unknown_tensor` where nothing matches.
  void pin(name_view glob_or_preset, tier where) { pin({glob_or_preset}, where); }
  /// By several, all or none of them: `{"output*", "*_norm*"}`.
  void pin(std::initializer_list<name_view> globs_or_presets, tier where) {
    pin_all(strings_of(globs_or_presets), where);
  }
  /// By several, in whatever holds them.
  template <name_range Names>
  void pin(Names&& globs_or_presets, tier where) {
    pin_all(strings_of(globs_or_presets), where);
  }
  /// Takes from a tier's pin set: the tensors may be evicted again. No effect on what is not in. Throws `unknown_tensor`.
  void unpin(std::span<tensor_id const> ids, tier where);
  /// The same for one tensor.
  void unpin(tensor_id id, tier where) { unpin(std::span(&id, 1), where); }
  /// The same, written out: `{id, id}`.
  void unpin(std::initializer_list<tensor_id> ids, tier where) { unpin(std::span(ids), where); }
  /// By glob or preset, as they are pinned.
  void unpin(name_view glob_or_preset, tier where) { unpin({glob_or_preset}, where); }
  /// By several: `{"output*", "*_norm*"}`.
  void unpin(std::initializer_list<name_view> globs_or_presets, tier where) {
    unpin(std::span<tensor_id const>(matches_of(strings_of(globs_or_presets))), where);
  }
  /// By several, in whatever holds them.
  template <name_range Names>
  void unpin(Names&& globs_or_presets, tier where) {
    unpin(std::span<tensor_id const>(matches_of(strings_of(globs_or_presets))), where);
  }

  /// Changes a tier's budget; `auto` is resolved anew. Waits while memory is mapped for a higher budget, or given back for a
  /// lower one as far as nothing uses it: the report is final where no handle is held, no stream is at work and nothing is being
  /// loaded ahead. It does not wait for these: what they use above a lower budget is pending, and until that is given back the
  /// old budget binds. Where the system gives less than was asked for, that is the effective budget until a budget is set again. Throws
  /// `budget_too_small` where pins no longer fit, `invalid_argument` for adding or removing a tier, `unsupported` where the
  /// device cannot give memory back.
  budget_report set_budget(tier where, budget const& to);

  /// What is paged. Stays as it is, and valid as long as the pager.
  [[nodiscard]] catalog const& tensors() const;
  /// What the model's files say besides the tensors; empty where it was made from a catalog. Valid as long as the pager.
  [[nodiscard]] tierpager::metadata const& metadata() const;
  /// Whether the tensor is in that tier now, or its last copy is queued. Another thread may change that at any time: only a
  /// handle keeps it. Throws `unknown_tensor`.
  [[nodiscard]] bool resident(tensor_id id, tier where) const;
  /// Whether the tensor is in that tier's pin set, resident or not. Throws `unknown_tensor`.
  [[nodiscard]] bool pinned(tensor_id id, tier where) const;
  /// Changes whenever the tensor's device bytes were loaded anew or its address changed; 0 before the first load. Under a
  /// plan the address stays the same: a tensor that streams comes back to where it was.
  [[nodiscard]] std::uint64_t generation(tensor_id id) const;
  /// Counts since the pager was made, all taken at one moment.
  [[nodiscard]] statistics stats() const;
  /// What was decided since the last call, in order; empty unless pager_options::record_events.
  [[nodiscard]] std::vector<event> take_events();
  /// The caller's own device memory (see pager_options::scratch_bytes); empty where the budget could not hold it, and
  /// then every acquire is refused with the figure.
  [[nodiscard]] std::span<std::byte> scratch() const;
  /// The device that was passed in, valid as long as the pager.
  [[nodiscard]] device& on() const;
  /// To be called before a stream that was ever passed to this pager is destroyed, by the thread that queued the last
  /// work there. A handle of that stream released later counts as last used now. Waits for no work; for releases
  /// that other threads are making at that moment it does. Throws `invalid_argument` for what is no stream of the device.
  void retire_stream(stream_ref stream);

  /// Refuses every later call, fails every waiting one with `closed`, stops the threads. Handles stay right.
  void close() noexcept;

 private:
  /// Throws `unknown_tensor`.
  [[nodiscard]] tensor_id id_of(name_view name) const;
  template <class Names>
  [[nodiscard]] std::vector<tensor_id> ids_of(Names&& names) const {
    std::vector<tensor_id> ids;
    for (auto&& name : names) ids.push_back(id_of(name));
    return ids;
  }
  template <class Names>
  [[nodiscard]] static std::vector<std::string> strings_of(Names&& names) {
    std::vector<std::string> texts;
    for (auto&& name : names) texts.emplace_back(std::string_view(name_view(name)));
    return texts;
  }
  void pin_all(std::vector<std::string> const& globs_or_presets, tier where);
  /// What these globs and presets match; throws `unknown_tensor` where one matches nothing.
  [[nodiscard]] std::vector<tensor_id> matches_of(std::vector<std::string> const& globs_or_presets) const;

  executor* executor_;
};

}  // namespace tierpager
