#include <cuda/event_pool.hpp>

#include <cassert>

#include <cuda/call_guard.hpp>

namespace tierpager {

event_pool::~event_pool() {
  assert(idle_.size() == all_.size());
  for (cudaEvent_t event : all_) (void)cudaEventDestroy(event);
}

status event_pool::fill(std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    auto const made = make();
    if (!made.ok()) return made.error();
    give_back(*made);
  }
  return {};
}

result<cudaEvent_t> event_pool::take() {
  {
    std::scoped_lock const lock(mutex_);
    if (!idle_.empty()) {
      cudaEvent_t const event = idle_.back();
      idle_.pop_back();
      return event;
    }
  }
  return make();
}

result<cudaEvent_t> event_pool::make() {
  cudaEvent_t event = nullptr;
  cudaError_t code = cudaSuccess;
  {
    relaxed_capture const relaxed;
    code = cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
  }
  if (code != cudaSuccess) return state_.fail(code, "cudaEventCreateWithFlags");
  std::scoped_lock const lock(mutex_);
  all_.push_back(event);
  idle_.reserve(all_.capacity());
  return event;
}

void event_pool::give_back(cudaEvent_t event) noexcept {
  std::scoped_lock const lock(mutex_);
  idle_.push_back(event);
}

}  // namespace tierpager
