#include <cuda/bounce_buffer.hpp>

#include <algorithm>
#include <cstring>

#include <cuda/call_guard.hpp>

namespace tierpager {

bounce_buffer::~bounce_buffer() {
  if (base_ != nullptr) (void)cudaFreeHost(base_);
}

status bounce_buffer::allocate(std::size_t slots, std::uint64_t slot_bytes) {
  void* allocated = nullptr;
  cudaError_t const code = cudaHostAlloc(&allocated, slots * slot_bytes, cudaHostAllocPortable);
  if (code != cudaSuccess) return state_.fail(code, "cudaHostAlloc");
  base_ = static_cast<std::byte*>(allocated);
  slot_bytes_ = slot_bytes;
  slots_.resize(slots);
  return {};
}

// In turn, so that the slot is the one whose copy was queued first.
std::size_t bounce_buffer::take() {
  for (;; pause_between_polls()) {
    std::scoped_lock const lock(mutex_);
    std::size_t const index = next_;
    if (slots_[index].taken) continue;
    slots_[index].taken = true;
    next_ = (next_ + 1) % slots_.size();
    return index;
  }
}

// Nobody else touches a slot while it is taken. A copy whose call failed may run all the same, and then reads what was
// put there since; but it writes where nobody looks before that copy is known to be over.
status bounce_buffer::copy_through(std::size_t index, std::byte* target, std::byte const* source, std::uint64_t bytes) {
  slot& place = slots_[index];
  if (status free = streams_.wait_until_passed({.stream = 0, .sequence = place.last_copy}); !free.ok()) return free;
  std::byte* const staged = base_ + index * slot_bytes_;
  std::memcpy(staged, source, bytes);
  cudaError_t const code = cudaMemcpyAsync(target, staged, bytes, cudaMemcpyHostToDevice, copy_stream_);
  if (code != cudaSuccess) return state_.fail(code, "cudaMemcpyAsync");
  auto const copied = streams_.record(copy_stream_);
  if (!copied.ok()) return copied.error();
  place.last_copy = copied->sequence;
  return {};
}

status bounce_buffer::copy(std::byte* target, std::byte const* source, std::uint64_t bytes) {
  for (std::uint64_t at = 0; at < bytes; at += slot_bytes_) {
    std::size_t const index = take();
    status done = copy_through(index, target + at, source + at, std::min(slot_bytes_, bytes - at));
    std::scoped_lock const lock(mutex_);
    slots_[index].taken = false;
    if (!done.ok()) return done;
  }
  return {};
}

}  // namespace tierpager
