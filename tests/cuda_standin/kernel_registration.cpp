// What a binary with kernels asks of the runtime as it loads and launches. The stand-in runs no device code: such a binary
// loads, and its launches fail. No CUDA header is seen here, since none declares most of these.
#include <cstddef>

#include <tests/cuda_standin/kernel_registration.hpp>

namespace {

struct dim3 {
  unsigned x;
  unsigned y;
  unsigned z;
};

int refuse_launch() { return tierpager::cuda_standin::note_refused_launch(); }

}  // namespace

extern "C" {

void** __cudaRegisterFatBinary(void*) {
  static void* registered = nullptr;
  return &registered;
}
void __cudaRegisterFatBinaryEnd(void**) {}
void __cudaUnregisterFatBinary(void**) {}
char __cudaInitModule(void**) { return 1; }
void __cudaRegisterFunction(void**, char const*, char*, char const*, int, void*, void*, void*, void*, int*) {}
void __cudaRegisterVar(void**, char*, char*, char const*, int, std::size_t, int, int) {}
unsigned __cudaPushCallConfiguration(dim3, dim3, std::size_t, void*) { return 0; }
int __cudaPopCallConfiguration(dim3*, dim3*, std::size_t*, void*) { return refuse_launch(); }
int __cudaGetKernel(void** kernel, void const*) {
  *kernel = nullptr;
  return 0;
}
int __cudaLaunchKernel(void*, dim3, dim3, void**, std::size_t, void*) { return refuse_launch(); }
int cudaLaunchKernel(void const*, dim3, dim3, void**, std::size_t, void*) { return refuse_launch(); }

}  // extern "C"
