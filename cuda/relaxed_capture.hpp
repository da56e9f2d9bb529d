// For calls that CUDA forbids while any thread captures a stream, unless this thread says that it knows: put around them,
// on one thread's stack. Where no context is current the runtime would create one, so only inside a call_guard.
#pragma once

#include <cuda_runtime_api.h>

namespace tierpager {

class relaxed_capture {
 public:
  relaxed_capture() noexcept;
  relaxed_capture(relaxed_capture const&) = delete;
  relaxed_capture& operator=(relaxed_capture const&) = delete;
  ~relaxed_capture();

  /// False where the context is dead.
  [[nodiscard]] bool entered() const { return exchanged_; }

 private:
  cudaStreamCaptureMode mode_ = cudaStreamCaptureModeRelaxed;
  bool exchanged_;
};

}  // namespace tierpager
