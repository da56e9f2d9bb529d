// What every call of the device is made inside of: the device's context is the calling thread's current one, and that
// thread's contexts and last error are afterwards as they were. One a call, on that call's stack. Where an error of the
// caller's own is pending and a call of ours fails too, CUDA keeps the later one; the caller still sees an error.
#pragma once

#include <cuda/primary_context.hpp>
#include <cuda/relaxed_capture.hpp>

namespace tierpager {

class call_guard {
 public:
  explicit call_guard(primary_context& context);
  call_guard(call_guard const&) = delete;
  call_guard& operator=(call_guard const&) = delete;
  ~call_guard();

  /// Whether the context is current and alive: if not, no further call is to be made.
  [[nodiscard]] status const& entered() const { return entered_; }
  /// The caller's thread is in another context: what cudaStreamLegacy means there, it does not mean here.
  [[nodiscard]] bool came_from_another() const { return from_another_; }

 private:
  primary_context& context_;
  cudaError_t const found_;  // the caller's own
  bool pushed_ = false;
  bool from_another_ = false;
  status entered_;
};

/// Between two questions about the same thing. The call it makes is one that a scheduler of fibers can switch in.
void pause_between_polls() noexcept;

}  // namespace tierpager
