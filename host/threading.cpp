#include <host/threading.hpp>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace tierpager {
namespace {

// Sections are tens of nanoseconds long, so the other thread's is over soon, unless it was interrupted in it. Looking less
// often leaves it the cache line meanwhile.
constexpr unsigned pauses_first = 16;
constexpr unsigned pauses_most = 512;
constexpr unsigned looks_before_yielding = 12;
constexpr unsigned yields_before_naps = 16;
constexpr std::chrono::microseconds nap{20};

void pause() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("isb");
#endif
}

}  // namespace

void annotated_mutex::lock_taken() noexcept {
  unsigned pauses = pauses_first;
  for (unsigned looks = 0;; ++looks) {
    if (looks < looks_before_yielding) {
      for (unsigned i = 0; i < pauses; ++i) pause();
      if (pauses < pauses_most) pauses *= 2;
    } else if (looks < looks_before_yielding + yields_before_naps) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(nap);
    }
    if (!taken_.load(std::memory_order_relaxed) && !taken_.exchange(true, std::memory_order_acquire)) return;
  }
}

}  // namespace tierpager
