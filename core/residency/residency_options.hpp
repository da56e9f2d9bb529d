// How a residency core is set up. Plain values; what they mean is decided in residency.hpp, where they come from in the
// executor.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <tierpager/budget.hpp>
#include <tierpager/device.hpp>
#include <tierpager/transfer_rates.hpp>

namespace tierpager {

struct tier_options {
  bool present = true;
  std::uint64_t budget_bytes = unlimited_bytes;
  std::uint64_t granule_bytes = 4096;  // memory is committed and given back in multiples of this
  std::uint64_t align_bytes = 4096;    // every tensor takes a multiple of this, or of a granule where that is less
  std::uint64_t overhead_bytes = 0;    // what the device holds of the budget beside the arena
  bool can_remap = true;               // else the whole budget is committed once, and cannot change

  [[nodiscard]] std::uint64_t footprint_align_bytes() const { return std::min(align_bytes, granule_bytes); }
};

/// A tier in the memory of that device: present and without a limit.
inline tier_options tier_options_of(device const& on, tier where) {
  return {.granule_bytes = on.granule_bytes(where),
          .align_bytes = where == tier::vram ? vram_align_bytes : on.granule_bytes(where),
          .overhead_bytes = on.overhead_bytes(where),
          .can_remap = on.can_remap(where)};
}

struct residency_options {
  tier_options vram, ram;
  std::uint64_t chunk_bytes = 8U << 20U;
  std::uint64_t scratch_bytes = 0;  // at the start of the VRAM arena, for the caller's own use
  bool overcommit_pins = false;
  transfer_rates rates = {};  // for plans; what is not known is zero
};

}  // namespace tierpager
