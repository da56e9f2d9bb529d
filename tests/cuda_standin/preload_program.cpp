// A small program linked with the shared CUDA runtime, to preload the stand-in and the failing shim under. Says by its
// exit status what it met: 0 all went well, 1 a wrong byte, 2 no driver, 3 a call failed.
#include <cuda_runtime_api.h>

#include <cstdio>
#include <cstring>
#include <string>

extern "C" void** __cudaRegisterFatBinary(void* binary);

namespace {

/// Copies a page to the device and back, and returns what went wrong.
int copy_there_and_back(bool leak, bool race) {
  constexpr std::size_t bytes = 4096;
  cudaStream_t stream = nullptr;
  void* ram = nullptr;
  void* vram = nullptr;
  if (cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) != cudaSuccess) return 3;
  if (cudaHostAlloc(&ram, bytes, cudaHostAllocDefault) != cudaSuccess) return 3;
  if (cudaMalloc(&vram, bytes) != cudaSuccess) return 3;
  std::memset(ram, 5, bytes);
  if (cudaMemcpyAsync(vram, ram, bytes, cudaMemcpyHostToDevice, stream) != cudaSuccess) return 3;
  if (race) {
    cudaStream_t other = nullptr;
    if (cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking) != cudaSuccess) return 3;
    cudaMemcpyAsync(ram, vram, bytes, cudaMemcpyDeviceToHost, other);
    cudaStreamSynchronize(other);
    cudaStreamDestroy(other);
  }
  if (cudaStreamSynchronize(stream) != cudaSuccess) return 3;
  std::memset(ram, 0, bytes);
  if (cudaMemcpyAsync(ram, vram, bytes, cudaMemcpyDeviceToHost, stream) != cudaSuccess) return 3;
  if (cudaStreamSynchronize(stream) != cudaSuccess) return 3;
  bool const right = static_cast<char const*>(ram)[bytes - 1] == 5;
  cudaFree(vram);
  cudaFreeHost(ram);
  if (!leak) cudaStreamDestroy(stream);
  return right ? 0 : 1;
}

}  // namespace

int main(int count, char** arguments) {
  std::string const what = count > 1 ? arguments[1] : "";
  if (what == "kernels" && __cudaRegisterFatBinary(nullptr) == nullptr) return 1;
  int driver = 0;
  cudaDriverGetVersion(&driver);
  if (driver == 0) return 2;
  int const result = copy_there_and_back(what == "leak", what == "race");
  if (result == 3) std::printf("last error %s\n", cudaGetErrorName(cudaGetLastError()));
  return result;
}
