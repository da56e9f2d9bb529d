// What CUDA calls return, as failures; and whether the device's context is dead, which is remembered: from then on every
// call of the device fails at once. Where a code does not say, the context is asked. Any thread.
#pragma once

#include <atomic>
#include <string>

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <tierpager/error.hpp>

namespace tierpager {

class device_state {
 public:
  explicit device_state(int ordinal) : ordinal_(ordinal) {}

  [[nodiscard]] int ordinal() const { return ordinal_; }
  /// Fails once the context is known to be dead.
  [[nodiscard]] status alive() const;
  status check(cudaError_t code, char const* call) { return code == cudaSuccess ? status() : status(fail(code, call)); }
  /// The driver's codes are the runtime's.
  status check(CUresult code, char const* call) { return check(static_cast<cudaError_t>(code), call); }
  /// Inside a call_guard, once there is a stream to ask on.
  failure fail(cudaError_t code, char const* call);
  /// Where another context may be current: whatever the code says may be said of that one.
  [[nodiscard]] failure fail_outside(cudaError_t code, char const* call) const;
  /// A stream of the device that is never captured. Nothing may fail here once it is gone.
  void ask_on(cudaStream_t stream) { ask_on_.store(stream); }
  /// Of this device's own finding.
  [[nodiscard]] failure refuse(errc code, std::string const& why) const;

 private:
  [[nodiscard]] bool context_answers() const;

  int const ordinal_;
  std::atomic<cudaError_t> killed_by_ = cudaSuccess;
  std::atomic<cudaStream_t> ask_on_ = nullptr;
};

}  // namespace tierpager
