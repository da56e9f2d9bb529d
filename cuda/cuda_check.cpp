#include <cuda/cuda_check.hpp>

#include <cuda/relaxed_capture.hpp>

namespace tierpager {
namespace {

// By number where older toolkits have no name for them: an error that was contained to one process (named since 12.8), the
// tensor memory of a later architecture, and a server that ended its clients.
constexpr int contained = 226;
constexpr int tensor_memory_leak = 721;
constexpr int mps_client_terminated = 810;

/// After this error no call in that context works any more.
bool kills_context(cudaError_t code) {
  switch (static_cast<int>(code)) {
    case cudaErrorCudartUnloading:
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable:
    case contained:
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchTimeout:
    case cudaErrorContextIsDestroyed:
    case cudaErrorAssert:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorLaunchFailure:
    case cudaErrorExternalDevice:
    case tensor_memory_leak:
    case mps_client_terminated: return true;
    default: return false;
  }
}

errc kind_of(cudaError_t code) {
  if (kills_context(code)) return errc::device_lost;
  switch (code) {
    case cudaErrorMemoryAllocation: return errc::out_of_memory;
    case cudaErrorStreamCaptureUnsupported:
    case cudaErrorStreamCaptureInvalidated:
    case cudaErrorStreamCaptureIsolation:
    case cudaErrorStreamCaptureImplicit:
    case cudaErrorCapturedEvent: return errc::would_wait;
    default: return errc::device_failed;
  }
}

}  // namespace

failure device_state::refuse(errc code, std::string const& why) const {
  return {.code = code, .what = "CUDA device " + std::to_string(ordinal_) + ": " + why};
}

failure device_state::fail_outside(cudaError_t code, char const* call) const {
  return refuse(errc::device_failed, std::string(call) + " failed with " + cudaGetErrorName(code));
}

failure device_state::fail(cudaError_t code, char const* call) {
  failure why = fail_outside(code, call);
  why.code = kind_of(code);
  if (why.code == errc::device_failed && !context_answers()) why.code = errc::device_lost;
  if (why.code == errc::device_lost) killed_by_.store(code);
  return why;
}

// The last error would not do: it is an integer that the runtime keeps for each thread, and does not know of the context.
bool device_state::context_answers() const {
  cudaStream_t const stream = ask_on_.load();
  if (stream == nullptr) return true;
  relaxed_capture const relaxed;
  if (!relaxed.entered()) return false;  // which takes no more than a live context
  cudaError_t const code = cudaStreamQuery(stream);
  return code == cudaSuccess || code == cudaErrorNotReady;
}

status device_state::alive() const {
  cudaError_t const code = killed_by_.load();
  if (code == cudaSuccess) return {};
  return refuse(errc::device_lost, std::string("the context is gone since ") + cudaGetErrorName(code));
}

}  // namespace tierpager
