// How many bytes the program has from the global allocator, and the most it had since it last asked. Linking this library
// replaces the allocator, or listens to a sanitizer's. One thread. Counts no mappings, and no malloc where nothing
// is sanitized.
#pragma once

#include <cstddef>

namespace tierpager::testing {

[[nodiscard]] std::size_t live_bytes();
[[nodiscard]] std::size_t peak_bytes();
void restart_peak();

/// The most that `work` had at a time beyond what was there before.
template <class Work>
[[nodiscard]] std::size_t peak_bytes_of(Work const& work) {
  std::size_t const before = live_bytes();
  restart_peak();
  work();
  return peak_bytes() - before;
}

/// The most that reading a header of so many bytes may take, whatever it says.
[[nodiscard]] constexpr std::size_t promised_bytes(std::size_t header_bytes) {
  return 16 * header_bytes + (std::size_t{1} << 20U);
}

}  // namespace tierpager::testing
