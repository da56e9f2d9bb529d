// Tells threads apart, also those that do not live at the same time. Any thread may ask; asked again, it costs a load.
// Nothing is known of a thread but its number.
#pragma once

#include <atomic>
#include <cstdint>

namespace tierpager {

/// Counts threads up from 1, each when it first asks.
inline std::uint64_t this_thread_number() {
  static std::atomic<std::uint64_t> latest = 0;
  // In a shared library, too, it lies where the compiler knows it to: a hit asks, and shall not call anything for it.
  [[gnu::tls_model("initial-exec")]] static constinit thread_local std::uint64_t number = 0;
  if (number == 0) [[unlikely]]
    number = latest.fetch_add(1, std::memory_order_relaxed) + 1;
  return number;
}

}  // namespace tierpager
