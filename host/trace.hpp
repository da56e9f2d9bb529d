// What a pager does, as ranges for a profiler: which thread, which tensor, how many bytes. Any thread, never under the
// pager's lock, since a tool may take its time. trace_nvtx.cpp tells NVTX; trace_none.cpp, its twin for builds without
// the NVTX headers, nobody. Unless a tool is attached a range is one look at a constant, and nothing is built.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <tierpager/catalog.hpp>

namespace tierpager {

/// Categories of the NVTX domain `tierpager`.
enum class trace_kind : std::uint8_t {
  acquire,  // a whole call, on the caller's thread
  wait,     // the part of it that the caller was blocked, until it runs again
  read,     // a chunk, on a reader
  copy,     // queueing a chunk's copy, on the copier: the copy itself is on the device's own timeline
  evict_vram,
  evict_ram,  // told by a reader soon after it was decided; empty, since nothing is carried out
};
inline constexpr std::size_t trace_kinds = 6;

/// One a pager. Whether a tool is attached is settled with the first of the process.
class tracer {
 public:
  /// `tensors` outlives it. Their names are registered with the tool, if there is one.
  explicit tracer(catalog const& tensors);

  [[nodiscard]] bool attached() const { return attached_; }

 private:
  friend class trace_range;

  [[maybe_unused]] catalog const& tensors_;
  bool attached_ = false;
  std::vector<void*> names_;  // by tensor; a tool's own handles
};

/// A range from its opening to its destruction, both on one thread; ranges of one thread nest. The message is the name
/// of the tensor, for a set that of its first and how many more there are; the payload is bytes.
class trace_range {
 public:
  trace_range() = default;  // none yet: open() may follow
  trace_range(tracer const& to, trace_kind what, std::span<tensor_id const> ids) { open(to, what, ids); }
  trace_range(tracer const& to, trace_kind what, tensor_id id, std::uint64_t bytes) {
    if (to.attached()) begin(to, what, std::span(&id, 1), bytes);
  }
  trace_range(trace_range const&) = delete;
  trace_range& operator=(trace_range const&) = delete;
  ~trace_range() {
    if (open_) end();
  }

  /// With the bytes of all of the set, unknown ids left out. To be called once.
  void open(tracer const& to, trace_kind what, std::span<tensor_id const> ids) {
    if (to.attached()) begin(to, what, ids, bytes_of(to, ids));
  }

 private:
  static std::uint64_t bytes_of(tracer const& to, std::span<tensor_id const> ids) {
    std::uint64_t bytes = 0;
    for (tensor_id id : ids)
      if (index_of(id) < to.tensors_.size()) bytes += to.tensors_[id].bytes;
    return bytes;
  }
  void begin(tracer const& to, trace_kind what, std::span<tensor_id const> ids, std::uint64_t bytes) noexcept;
  static void end() noexcept;

  bool open_ = false;
};

}  // namespace tierpager
