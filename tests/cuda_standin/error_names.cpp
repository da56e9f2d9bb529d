// The runtime's names for its errors.
#include <tests/cuda_standin/world.hpp>

namespace {

char const* name_of_error(cudaError_t error) {
  switch (error) {
#define TIERPAGER_CUDA_ERROR(name) \
  case name: return #name;
    TIERPAGER_CUDA_ERROR(cudaSuccess)
    TIERPAGER_CUDA_ERROR(cudaErrorInvalidValue)
    TIERPAGER_CUDA_ERROR(cudaErrorMemoryAllocation)
    TIERPAGER_CUDA_ERROR(cudaErrorInitializationError)
    TIERPAGER_CUDA_ERROR(cudaErrorCudartUnloading)
    TIERPAGER_CUDA_ERROR(cudaErrorInvalidMemcpyDirection)
    TIERPAGER_CUDA_ERROR(cudaErrorInsufficientDriver)
    TIERPAGER_CUDA_ERROR(cudaErrorDevicesUnavailable)
    TIERPAGER_CUDA_ERROR(cudaErrorNoDevice)
    TIERPAGER_CUDA_ERROR(cudaErrorInvalidDevice)
    TIERPAGER_CUDA_ERROR(cudaErrorNoKernelImageForDevice)
    TIERPAGER_CUDA_ERROR(cudaErrorECCUncorrectable)
    TIERPAGER_CUDA_ERROR(cudaErrorInvalidResourceHandle)
    TIERPAGER_CUDA_ERROR(cudaErrorIllegalState)
    TIERPAGER_CUDA_ERROR(cudaErrorSymbolNotFound)
    TIERPAGER_CUDA_ERROR(cudaErrorNotReady)
    TIERPAGER_CUDA_ERROR(cudaErrorIllegalAddress)
    TIERPAGER_CUDA_ERROR(cudaErrorLaunchFailure)
    TIERPAGER_CUDA_ERROR(cudaErrorHostMemoryAlreadyRegistered)
    TIERPAGER_CUDA_ERROR(cudaErrorHostMemoryNotRegistered)
    TIERPAGER_CUDA_ERROR(cudaErrorNotPermitted)
    TIERPAGER_CUDA_ERROR(cudaErrorNotSupported)
    TIERPAGER_CUDA_ERROR(cudaErrorStreamCaptureUnsupported)
    TIERPAGER_CUDA_ERROR(cudaErrorStreamCaptureInvalidated)
    TIERPAGER_CUDA_ERROR(cudaErrorStreamCaptureMerge)
    TIERPAGER_CUDA_ERROR(cudaErrorStreamCaptureUnmatched)
    TIERPAGER_CUDA_ERROR(cudaErrorStreamCaptureUnjoined)
    TIERPAGER_CUDA_ERROR(cudaErrorStreamCaptureIsolation)
    TIERPAGER_CUDA_ERROR(cudaErrorStreamCaptureImplicit)
    TIERPAGER_CUDA_ERROR(cudaErrorCapturedEvent)
    TIERPAGER_CUDA_ERROR(cudaErrorStreamCaptureWrongThread)
    TIERPAGER_CUDA_ERROR(cudaErrorUnknown)
#undef TIERPAGER_CUDA_ERROR
    default: return "unrecognized error code";
  }
}

}  // namespace

using namespace tierpager::cuda_standin;

extern "C" char const* cudaGetErrorName(cudaError_t error) {
  runtime_call(call::cuda_get_error_name, [](world&, world_lock&) { return cudaSuccess; });
  return name_of_error(error);
}

extern "C" char const* cudaGetErrorString(cudaError_t error) {
  runtime_call(call::cuda_get_error_string, [](world&, world_lock&) { return cudaSuccess; });
  return name_of_error(error);
}
