#include <cuda/call_guard.hpp>

#include <chrono>
#include <thread>

namespace tierpager {
namespace {

constexpr std::chrono::microseconds poll_interval{20};

}  // namespace

call_guard::call_guard(device_state& state) : state_(state), found_(cudaPeekAtLastError()), entered_(state.alive()) {
  if (!entered_.ok()) return;
  entered_ = state.check(cudaGetDevice(&current_), "cudaGetDevice");
  if (!entered_.ok() || current_ == state.ordinal()) return;
  entered_ = state.check(cudaSetDevice(state.ordinal()), "cudaSetDevice");
  switched_ = entered_.ok();
}

// A call that puts something back is tried twice: nobody else would.
call_guard::~call_guard() {
  if (switched_ && cudaSetDevice(current_) != cudaSuccess) (void)cudaSetDevice(current_);
  if (found_ != cudaSuccess) return;
  (void)cudaGetLastError();
  if (state_.suspicious()) state_.judge(cudaPeekAtLastError());
}

relaxed_capture::relaxed_capture() noexcept : exchanged_(cudaThreadExchangeStreamCaptureMode(&mode_) == cudaSuccess) {}

relaxed_capture::~relaxed_capture() {
  if (exchanged_ && cudaThreadExchangeStreamCaptureMode(&mode_) != cudaSuccess)
    (void)cudaThreadExchangeStreamCaptureMode(&mode_);
}

void pause_between_polls() noexcept {
  (void)cudaPeekAtLastError();
  std::this_thread::sleep_for(poll_interval);
}

}  // namespace tierpager
