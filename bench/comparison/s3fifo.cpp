#include <bench/comparison/s3fifo.hpp>

namespace tierpager::tools {

s3fifo::s3fifo(std::uint64_t capacity_bytes, std::span<std::uint64_t const> tensor_bytes)
    : comparison_cache(capacity_bytes, tensor_bytes),
      small_bytes_(capacity_bytes / 10),
      small_(tensor_bytes),
      main_(tensor_bytes),
      ghosts_(tensor_bytes),
      uses_(tensor_bytes.size(), 0) {}

void s3fifo::hit(std::uint32_t id) {
  if (uses_[id] < 3) ++uses_[id];
}

std::uint32_t s3fifo::take_victim() {
  for (;;) {
    bool const from_small = main_.empty() || (!small_.empty() && small_.bytes() >= small_bytes_);
    std::uint32_t const oldest = from_small ? small_.pop() : main_.pop();
    if (from_small && uses_[oldest] > 1) {
      uses_[oldest] = 0;
      main_.push(oldest);
    } else if (!from_small && uses_[oldest] > 0) {
      --uses_[oldest];
      main_.push(oldest);
    } else {
      if (from_small) remember(oldest);
      return oldest;
    }
  }
}

void s3fifo::remember(std::uint32_t id) {
  ghosts_.push(id);
  while (ghosts_.bytes() > capacity_bytes() - small_bytes_) ghosts_.pop();
}

void s3fifo::insert(std::uint32_t id) {
  uses_[id] = 0;
  if (ghosts_.contains(id)) {
    ghosts_.remove(id);
    main_.push(id);
  } else {
    small_.push(id);
  }
}

}  // namespace tierpager::tools
