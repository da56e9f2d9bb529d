// The port to whatever computes: memory of both tiers, one copy stream, fences, the checksum of `verify`.
// Implementations: host_device (reference), cuda_device. Every call may block and is made without the pager's lock;
// calls come from several threads at once, except that one tier's commit and decommit never overlap.
// No call waits for the device unless it says so. All calls but the trivial getters may fail; none throws.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include <tierpager/error.hpp>
#include <tierpager/export.hpp>
#include <tierpager/types.hpp>

namespace tierpager {

/// Memory, copies and fences of one device, as the pager needs them. A pager and its handles share one.
class TIERPAGER_EXPORT device {
 public:
  device() = default;
  device(device const&) = delete;
  device& operator=(device const&) = delete;
  virtual ~device() = default;  // every stream must have passed its last fence, or be retired

  [[nodiscard]] virtual std::string_view name() const = 0;  // "host", "cuda"
  /// The streams that this device takes; a pager refuses others with `invalid_argument`, and so must every call here that is given
  /// one. `own`, as it is here, is for streams that are made of a `void*`.
  [[nodiscard]] virtual stream_kind takes() const { return stream_kind::own; }
  /// Memory of a tier is committed in multiples of this, at multiples of this. A power of two, at least 256.
  [[nodiscard]] virtual std::uint64_t granule_bytes(tier where) const = 0;
  /// Whether committed RAM is page-locked; false where the system refused and pageable memory is used instead.
  [[nodiscard]] virtual bool ram_is_page_locked() const = 0;
  /// What the system said when it refused to page-lock RAM, or a part of it; nothing where it did not. A getter.
  [[nodiscard]] virtual std::optional<failure> page_lock_failure() const = 0;
  /// Whether the VRAM tier lies in the machine's RAM: `auto` budgets of both tiers then share what is available there.
  [[nodiscard]] virtual bool vram_is_ram() const = 0;
  /// Whether memory of the tier can be committed and given back piece by piece. Where it cannot, the whole budget is
  /// committed once, at the start of an arena of that size, and never given back.
  [[nodiscard]] virtual bool can_remap(tier where) const = 0;
  /// Memory that the device holds beside the arenas for as long as it lives, in bytes: it counts.
  [[nodiscard]] virtual std::uint64_t overhead_bytes(tier where) const = 0;
  /// Bytes of device memory free right now.
  virtual result<std::uint64_t> free_vram_bytes() = 0;
  /// Called by each thread of a pager's own before any other call there.
  virtual void prepare_thread() noexcept = 0;

  /// Reserves address space for a tier's arena, once per tier, before anything else; commits nothing. The address is
  /// aligned to the granule and stays until the device is destroyed. VRAM addresses mean something to device code only.
  virtual result<std::byte*> reserve(tier where, std::uint64_t bytes) = 0;
  /// Backs part of the arena with memory; content unspecified. A failed call leaves the range as it was.
  virtual status commit(tier where, byte_range range) = 0;
  /// Gives committed memory back to the system. The caller has seen every fence of its last uses pass. May wait.
  virtual status decommit(tier where, byte_range range) = 0;

  /// Queues a copy on the copy stream; returns the fence that passes once it is done. Both ranges must be committed
  /// and stay so until then. After a failure it is unknown whether the copy was queued.
  virtual result<fence> copy_async(std::uint64_t vram_offset, std::uint64_t ram_offset, std::uint64_t bytes) = 0;
  /// The stream that copy_async queues on. Valid as long as the device.
  [[nodiscard]] virtual stream_ref copy_stream() = 0;
  /// Whether work queued on `stream` now is recorded into a graph instead of being run. No fence can be had there then. A pager
  /// asks before the first use of a stream: `invalid_argument` here refuses one that the device cannot have fences on.
  virtual result<bool> capturing(stream_ref stream) = 0;
  /// A fence behind everything queued on `stream` so far. Called on the thread that queued that work.
  virtual result<fence> record(stream_ref stream) = 0;
  /// Work queued on `stream` after this call starts only once `until` has passed. The host does not wait.
  virtual status wait(stream_ref stream, fence until) = 0;
  /// Whether a fence has passed. True also means that everything before it on its stream is done.
  virtual result<bool> passed(fence which) = 0;
  /// The caller is about to destroy `stream`: its fences stay valid, later calls with it are errors.
  virtual status retire(stream_ref stream) = 0;

  /// Queues on `stream` the checksum (see checksum.hpp) of `data`, device memory aligned to 8 bytes; the result is
  /// written to the 8 bytes at `result`, device memory too. `scratch` is device memory of checksum_scratch_bytes(),
  /// aligned to 256 bytes, in use until then.
  virtual status checksum_async(stream_ref stream, std::span<std::byte const> data, std::byte* result,
                                std::span<std::byte> scratch) = 0;
  /// How many bytes of `scratch` checksum_async needs; the same for any amount of data.
  [[nodiscard]] virtual std::uint64_t checksum_scratch_bytes() const = 0;
  /// Copies 8 bytes of device memory to the host, after everything queued on `stream`, and waits for them.
  virtual result<std::uint64_t> read_back(stream_ref stream, std::byte const* from) = 0;
  /// A new stream for the caller's own use, destroyed with the device.
  virtual result<stream_ref> make_stream() = 0;
};

/// The CUDA device of that ordinal, or `unsupported` where this build or machine has none. Defined once per build, in
/// cuda/open_device.cpp or its twin for builds without a toolkit.
TIERPAGER_EXPORT result<std::unique_ptr<device>> open_cuda_device(int ordinal);

}  // namespace tierpager
