// What CUDA calls return, as failures; and whether the device's context is dead, which is remembered: from then on every
// call of the device fails at once. Any thread. Makes no call but cudaGetErrorName.
#pragma once

#include <atomic>
#include <string>

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <tierpager/error.hpp>

namespace tierpager {

/// After this error no call in that context works any more.
[[nodiscard]] bool kills_context(cudaError_t code);

class device_state {
 public:
  explicit device_state(int ordinal) : ordinal_(ordinal) {}

  [[nodiscard]] int ordinal() const { return ordinal_; }
  /// Fails once the context is known to be dead.
  [[nodiscard]] status alive() const;
  status check(cudaError_t code, char const* call) { return code == cudaSuccess ? status() : status(fail(code, call)); }
  /// The driver's codes are the runtime's.
  status check(CUresult code, char const* call) { return check(static_cast<cudaError_t>(code), call); }
  failure fail(cudaError_t code, char const* call);
  /// What the runtime still reports once its last error has been taken: nothing, unless the context is dead. Asked after
  /// a failure whose code does not say.
  [[nodiscard]] bool suspicious() const { return suspicious_.load(); }
  void judge(cudaError_t still_reported);
  /// Of this device's own finding.
  [[nodiscard]] failure refuse(errc code, std::string const& why) const;

 private:
  int const ordinal_;
  std::atomic<cudaError_t> killed_by_ = cudaSuccess;
  std::atomic<bool> suspicious_ = false;
};

}  // namespace tierpager
