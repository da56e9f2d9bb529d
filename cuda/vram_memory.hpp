// The VRAM arena of a device, in one of two ways: mapped granule by granule (vram_arena), or allocated once where there
// is no virtual memory management (malloc_arena). Any thread, inside a call_guard, except that commit and decommit never
// overlap; reserve once. No lock is held across a CUDA call.
#pragma once

#include <cstddef>
#include <cstdint>

#include <tierpager/error.hpp>
#include <tierpager/types.hpp>

namespace tierpager {

class vram_memory {
 public:
  vram_memory() = default;
  vram_memory(vram_memory const&) = delete;
  vram_memory& operator=(vram_memory const&) = delete;
  virtual ~vram_memory() = default;  // everything queued there has run, or the context is dead

  [[nodiscard]] virtual std::uint64_t granule_bytes() const = 0;
  [[nodiscard]] virtual bool can_remap() const = 0;
  virtual result<std::byte*> reserve(std::uint64_t bytes) = 0;
  virtual status commit(byte_range range) = 0;
  virtual status decommit(byte_range range) = 0;
  /// Whether device code may touch the range.
  [[nodiscard]] virtual bool covers(byte_range range) const = 0;
  /// Makes good what a failed call left of committed memory. May wait for a commit or decommit under way.
  virtual void mend() = 0;
  /// What was reserved.
  [[nodiscard]] virtual std::uint64_t bytes() const = 0;
  /// Null before reserve.
  [[nodiscard]] virtual std::byte* base() const = 0;
};

}  // namespace tierpager
