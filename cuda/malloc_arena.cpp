#include <cuda/malloc_arena.hpp>

namespace tierpager {

malloc_arena::~malloc_arena() {
  if (base() != nullptr) (void)cudaFree(base());
}

result<std::byte*> malloc_arena::reserve(std::uint64_t bytes) {
  if (base() != nullptr) return state_.refuse(errc::invalid_argument, "the VRAM arena is reserved already");
  void* allocated = nullptr;
  std::uint64_t const whole = round_up(bytes, granule_bytes());
  cudaError_t const code = cudaMalloc(&allocated, whole);
  if (code != cudaSuccess) {
    failure why = state_.fail(code, "cudaMalloc");
    why.what += " for " + std::to_string(whole) + " bytes";
    return why;
  }
  bytes_ = whole;
  base_ = static_cast<std::byte*>(allocated);
  return base();
}

bool malloc_arena::covers(byte_range range) const {
  return range.bytes == 0 || (range.offset <= bytes_ && range.bytes <= bytes_ - range.offset);
}

status malloc_arena::check(byte_range range) const {
  if (range.offset % granule_bytes() == 0 && range.bytes % granule_bytes() == 0 && covers(range)) return {};
  return state_.refuse(errc::invalid_argument, "no part of the VRAM arena: " + std::to_string(range.bytes) +
                                                   " bytes at " + std::to_string(range.offset));
}

}  // namespace tierpager
