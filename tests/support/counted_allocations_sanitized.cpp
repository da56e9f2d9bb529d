// Listens to the sanitizer's allocator instead of replacing it, so that the sanitizer still sees every mistake.
#include <algorithm>
#include <atomic>

#include <sanitizer/allocator_interface.h>

#include "counted_allocations.hpp"

namespace tierpager::testing {
namespace {

// The runtime may allocate on threads of its own.
std::atomic<std::size_t> live = 0;
std::atomic<std::size_t> peak = 0;

void on_malloc(void const volatile*, std::size_t bytes) {
  std::size_t const now = live += bytes;
  if (now > peak) peak = now;
}

void on_free(void const volatile* memory) {
  if (memory != nullptr) live -= __sanitizer_get_allocated_size(const_cast<void*>(memory));
}

// What was allocated before this is freed all the same: the count starts high enough for that.
bool listen() {
  live = __sanitizer_get_current_allocated_bytes();
  return __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free) != 0;
}

[[maybe_unused]] bool const listens = listen();

}  // namespace

std::size_t live_bytes() { return live; }
std::size_t peak_bytes() { return peak; }
void restart_peak() { peak = live.load(); }

}  // namespace tierpager::testing
