// Thrust over what the pager hands out: a handle's bytes as a range, and an allocator that gives Thrust's algorithms the
// scratch memory that the pager set aside, so that they neither allocate nor wait. One source for every system: nvcc with
// the CUDA system, or a host compiler with THRUST_DEVICE_SYSTEM_CPP on the host device. Each object is used by one thread.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <string>

#include <thrust/device_ptr.h>

namespace tierpager {

/// Elements of device memory, read-only: what `thrust::reduce(policy, range.begin(), range.end())` wants.
template <class T>
class device_elements {
 public:
  /// Of device memory: only Thrust's algorithms and device code may look behind it.
  using iterator = thrust::device_ptr<T const>;

  /// Asserts that the bytes are a whole number of aligned elements.
  explicit device_elements(std::span<std::byte const> bytes)
      : first_(reinterpret_cast<T const*>(bytes.data())), size_(bytes.size() / sizeof(T)) {
    assert(bytes.size() % sizeof(T) == 0 && reinterpret_cast<std::uintptr_t>(bytes.data()) % alignof(T) == 0);
  }

  /// The first element.
  [[nodiscard]] iterator begin() const { return iterator(first_); }
  /// Behind the last.
  [[nodiscard]] iterator end() const { return iterator(first_ + size_); }
  /// How many elements.
  [[nodiscard]] std::size_t size() const { return size_; }
  /// Whether there are none.
  [[nodiscard]] bool empty() const { return size_ == 0; }

 private:
  T const* first_;
  std::size_t size_;
};

/// A device handle's tensor as elements of T. The handle must outlive every use, and the work be queued on the stream
/// that it was acquired on, or behind it.
template <class T, class Handle>
[[nodiscard]] device_elements<T> device_range(Handle const& held) {
  return device_elements<T>({reinterpret_cast<std::byte const*>(held.data()), held.size_bytes()});
}

/// Thrown where an algorithm needs more scratch memory than there is; says how much there should be.
class scratch_exhausted : public std::bad_alloc {
 public:
  /// Both in bytes: what the algorithm needs in all, and what there is.
  scratch_exhausted(std::size_t needed_bytes, std::size_t bytes)
      : needed_bytes_(needed_bytes),
        text_("an algorithm needs at least " + std::to_string(needed_bytes) +
              " bytes of scratch memory, and there are " + std::to_string(bytes)) {}
  /// One line with both figures.
  [[nodiscard]] char const* what() const noexcept override { return text_.c_str(); }
  /// How much scratch memory would do: see pager_options::scratch_bytes.
  [[nodiscard]] std::size_t needed_bytes() const { return needed_bytes_; }

 private:
  std::size_t needed_bytes_;
  std::string text_;
};

/// Hands out parts of one span of device memory, one behind the other, and starts over once all have come back. For
/// `thrust::cuda::par_nosync(scratch).on(stream)` and `thrust::cpp::par(scratch)`. Two algorithms under way at once, on
/// streams that nothing orders, need a scratch each.
class scratch_allocator {
 public:
  /// What Thrust allocates by.
  using value_type = char;

  /// Over memory that must stay as long as this and the work that uses it: pager::scratch, say.
  explicit scratch_allocator(std::span<std::byte> memory) : memory_(memory) {}
  scratch_allocator(scratch_allocator const&) = delete;
  scratch_allocator& operator=(scratch_allocator const&) = delete;

  /// Aligned to 256 bytes; throws scratch_exhausted. Neither waits nor calls the device.
  char* allocate(std::ptrdiff_t bytes) {
    std::size_t const first = first_aligned(used_bytes_);
    std::size_t const wanted = static_cast<std::size_t>(bytes);
    if (first > memory_.size() || wanted > memory_.size() - first)
      throw scratch_exhausted(first + wanted, memory_.size());
    used_bytes_ = first + wanted;
    ++parts_;
    return reinterpret_cast<char*>(memory_.data() + first);
  }
  /// Takes a part back. Its bytes are handed out again once all parts are back: order the streams.
  void deallocate(char*, std::size_t) noexcept {
    if (--parts_ == 0) used_bytes_ = 0;
  }

 private:
  static constexpr std::uintptr_t alignment = 256;

  /// The first offset from `offset` on whose address is aligned.
  [[nodiscard]] std::size_t first_aligned(std::size_t offset) const {
    std::uintptr_t const address = reinterpret_cast<std::uintptr_t>(memory_.data()) + offset;
    return offset + static_cast<std::size_t>((alignment - address % alignment) % alignment);
  }

  std::span<std::byte> memory_;
  std::size_t used_bytes_ = 0;
  std::size_t parts_ = 0;
};

}  // namespace tierpager
