// Stands for the shared CUDA runtime on a machine without a toolkit: the names, the version node and the soname of the
// real one, for a program to be linked with. Every call fails as it does without a driver.
#include <cuda_runtime_api.h>

extern "C" {

void** __cudaRegisterFatBinary(void*) { return nullptr; }
cudaError_t cudaDriverGetVersion(int* version) {
  *version = 0;
  return cudaSuccess;
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t*, unsigned) { return cudaErrorInsufficientDriver; }
cudaError_t cudaStreamDestroy(cudaStream_t) { return cudaErrorInsufficientDriver; }
cudaError_t cudaStreamSynchronize(cudaStream_t) { return cudaErrorInsufficientDriver; }
cudaError_t cudaHostAlloc(void**, std::size_t, unsigned) { return cudaErrorInsufficientDriver; }
cudaError_t cudaFreeHost(void*) { return cudaErrorInsufficientDriver; }
cudaError_t cudaMalloc(void**, std::size_t) { return cudaErrorInsufficientDriver; }
cudaError_t cudaFree(void*) { return cudaErrorInsufficientDriver; }
cudaError_t cudaMemcpyAsync(void*, void const*, std::size_t, cudaMemcpyKind, cudaStream_t) {
  return cudaErrorInsufficientDriver;
}
cudaError_t cudaGetLastError() { return cudaErrorInsufficientDriver; }
char const* cudaGetErrorName(cudaError_t) { return "cudaErrorInsufficientDriver"; }

}  // extern "C"
