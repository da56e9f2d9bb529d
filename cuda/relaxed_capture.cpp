#include <cuda/relaxed_capture.hpp>

namespace tierpager {

relaxed_capture::relaxed_capture() noexcept : exchanged_(cudaThreadExchangeStreamCaptureMode(&mode_) == cudaSuccess) {}

// Tried twice: nobody else would put it back.
relaxed_capture::~relaxed_capture() {
  if (exchanged_ && cudaThreadExchangeStreamCaptureMode(&mode_) != cudaSuccess)
    (void)cudaThreadExchangeStreamCaptureMode(&mode_);
}

}  // namespace tierpager
