// The vocabulary every part shares: tensor ids, owners of handles, the two tiers, streams, fences, byte ranges.
// Plain values; any thread. Nothing here owns memory or talks to a device.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string_view>

struct CUstream_st;  // what a cudaStream_t points to; named here so that no CUDA header is needed

namespace tierpager {

/// Dense index of a tensor (or slice) in its catalog.
enum class tensor_id : std::uint32_t {};

/// The id as an index into catalog::infos().
constexpr std::size_t index_of(tensor_id id) { return static_cast<std::size_t>(id); }

/// Whom a handle counts for: the thread that acquired it, or a token from new_owner(). Never used for another again.
enum class owner_id : std::uint64_t {
  this_thread = 0,  // whichever thread makes the call
};

/// Device memory, and page-locked host memory. On the host device both are host memory.
enum class tier : std::uint8_t { vram, ram };

/// As the command and its JSON spell it.
constexpr std::string_view name_of(tier where) { return where == tier::vram ? "vram" : "ram"; }

/// Every tensor begins at a multiple of this in VRAM, as memory from cudaMalloc does.
inline constexpr std::uint64_t vram_align_bytes = 256;

/// Half-open range [offset, offset + bytes).
struct byte_range {
  std::uint64_t offset = 0;  // the first byte
  std::uint64_t bytes = 0;   // how many
  /// The first offset behind it.
  [[nodiscard]] constexpr std::uint64_t end() const { return offset + bytes; }
  friend constexpr bool operator==(byte_range, byte_range) = default;
};

/// The least multiple of `multiple` that is at least `value`.
constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

/// The greatest multiple of `multiple` that is at most `value`.
constexpr std::uint64_t round_down(std::uint64_t value, std::uint64_t multiple) { return value / multiple * multiple; }

/// What a stream_ref was made from, and what a device takes: a CUDA stream, a host_stream, or what only that device knows.
enum class stream_kind : std::uint8_t { cuda, host, own };

/// A stream of the device in use, not owned. Converts from a `cudaStream_t`; a `host_stream` of the host device
/// converts to it. `0` and `nullptr` do not convert, so the legacy default stream cannot be passed by accident. It knows its
/// kind: a pager refuses a stream that is not one of its device's.
class stream_ref {
 public:
  /// From a `cudaStream_t`, which is a pointer to this type.
  constexpr stream_ref(CUstream_st* stream)  // NOLINT(google-explicit-constructor)
      : value_(stream), kind_(stream_kind::cuda) {}
  /// From what a device of your own takes for a stream; the devices of this library refuse it.
  constexpr explicit stream_ref(void* stream) : value_(stream), kind_(stream_kind::own) {}
  stream_ref(int) = delete;
  stream_ref(std::nullptr_t) = delete;
  /// What it was made from; of a host_stream, an address that is its alone.
  [[nodiscard]] constexpr void* get() const { return value_; }
  /// What it was made from.
  [[nodiscard]] constexpr stream_kind kind() const { return kind_; }
  /// Null, or `cudaStreamPerThread`, whose value CUDA fixes at 2.
  [[nodiscard]] bool names_no_one_stream() const {
    auto const value = reinterpret_cast<std::uintptr_t>(value_);
    return value == 0 || value == 2;
  }
  friend constexpr bool operator==(stream_ref, stream_ref) = default;

 private:
  friend class handle;
  friend class host_stream;
  constexpr stream_ref(void* stream, stream_kind kind) : value_(stream), kind_(kind) {}

  void* value_;
  stream_kind kind_;
};

/// A point in one stream's order. Minted by the device; on one stream a higher sequence passes later, and a fence that
/// has passed stays passed. `stream` is the device's own dense number of the stream, never reused.
struct fence {
  std::uint32_t stream = 0;                                   // the device's number of it
  std::uint64_t sequence = 0;                                 // on that stream
  friend constexpr auto operator<=>(fence, fence) = default;  // NOLINT(modernize-use-nullptr)
};

}  // namespace tierpager
