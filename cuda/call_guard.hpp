// What every call of the device is made inside of: the device is the calling thread's current one, and that thread's
// current device and last error are afterwards as they were. One a call, on that call's stack. Where an error of the
// caller's own is pending and a call of ours fails too, CUDA keeps the later one; the caller still sees an error.
#pragma once

#include <cuda/cuda_check.hpp>

namespace tierpager {

class call_guard {
 public:
  explicit call_guard(device_state& state);
  call_guard(call_guard const&) = delete;
  call_guard& operator=(call_guard const&) = delete;
  ~call_guard();

  /// Whether the device is current and its context alive: if not, no further call is to be made.
  [[nodiscard]] status const& entered() const { return entered_; }

 private:
  device_state& state_;
  cudaError_t const found_;  // the caller's own
  int current_ = 0;
  bool switched_ = false;
  status entered_;
};

/// For calls that CUDA forbids while any thread captures a stream, unless this thread says that it knows.
class relaxed_capture {
 public:
  relaxed_capture() noexcept;
  relaxed_capture(relaxed_capture const&) = delete;
  relaxed_capture& operator=(relaxed_capture const&) = delete;
  ~relaxed_capture();

 private:
  cudaStreamCaptureMode mode_ = cudaStreamCaptureModeRelaxed;
  bool exchanged_;
};

/// Between two questions about the same thing. The call it makes is one that a scheduler of fibers can switch in.
void pause_between_polls() noexcept;

}  // namespace tierpager
