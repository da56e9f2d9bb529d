#include <cuda/cuda_check.hpp>

namespace tierpager {
namespace {

// By number where older toolkits have no name for them: an error that was contained to one process (named since 12.8), the
// tensor memory of a later architecture, and a server that ended its clients.
constexpr int contained = 226;
constexpr int tensor_memory_leak = 721;
constexpr int mps_client_terminated = 810;

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

failure device_state::refuse(errc code, std::string const& why) const {
  return {.code = code, .what = "CUDA device " + std::to_string(ordinal_) + ": " + why};
}

failure device_state::fail(cudaError_t code, char const* call) {
  errc const kind = kind_of(code);
  if (kind == errc::device_lost) killed_by_.store(code);
  if (kind == errc::device_failed) suspicious_.store(true);
  return refuse(kind, std::string(call) + " failed with " + cudaGetErrorName(code));
}

void device_state::judge(cudaError_t still_reported) {
  suspicious_.store(false);
  if (still_reported != cudaSuccess) killed_by_.store(still_reported);
}

status device_state::alive() const {
  cudaError_t const code = killed_by_.load();
  if (code == cudaSuccess) return {};
  return refuse(errc::device_lost, std::string("the context is gone since ") + cudaGetErrorName(code));
}

}  // namespace tierpager
