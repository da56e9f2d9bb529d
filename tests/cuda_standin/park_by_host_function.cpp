#include <chrono>
#include <thread>

#include <tests/cuda_standin/park.hpp>

namespace tierpager::cuda_standin {
namespace {

constexpr std::chrono::seconds limit{30};

void wait_for(void* flag) {
  auto const end = std::chrono::steady_clock::now() + limit;
  while (std::atomic_ref(*static_cast<int*>(flag)).load() == 0 && std::chrono::steady_clock::now() < end)
    std::this_thread::yield();
}

}  // namespace

cudaError_t park(cudaStream_t stream, int* flag) { return cudaLaunchHostFunc(stream, wait_for, flag); }

cudaError_t launch_trap(cudaStream_t) { return cudaErrorNotSupported; }

}  // namespace tierpager::cuda_standin
