#include <cuda/relaxed_capture.hpp>

namespace tierpager {

relaxed_capture::relaxed_capture() noexcept : exchanged_(cudaThreadExchangeStreamCaptureMode(&mode_) == cudaSuccess) {}

relaxed_capture::~relaxed_capture() {
  if (exchanged_) (void)cudaThreadExchangeStreamCaptureMode(&mode_);
}

}  // namespace tierpager
