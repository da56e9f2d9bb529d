// Keeps a stream busy until it is let go: on a GPU with a kernel that watches a flag, since a host function may be run one at
// a time with others, so that one which waits could hold up what is to go on meanwhile; on the stand-in, which runs no device
// code, with a host function all the same. Ends by itself after half a minute, so that nothing hangs for good. One thread.
#pragma once

#include <atomic>

#include <cuda_runtime_api.h>

namespace tierpager::cuda_standin {

/// The holder of `flag`, host memory that the device can read, lets the stream go by setting it to 1.
cudaError_t park(cudaStream_t stream, int* flag);
/// What kills the context: an instruction that no device carries out. cudaErrorNotSupported where no device code runs.
cudaError_t launch_trap(cudaStream_t stream);

class parked_stream {
 public:
  parked_stream() {
    void* memory = nullptr;
    ready_ = cudaHostAlloc(&memory, sizeof(int), cudaHostAllocMapped | cudaHostAllocPortable);
    if (ready_ != cudaSuccess) return;
    flag_ = static_cast<int*>(memory);
    *flag_ = 0;
  }
  parked_stream(parked_stream const&) = delete;
  parked_stream& operator=(parked_stream const&) = delete;
  /// Once what was parked has run.
  ~parked_stream() {
    if (flag_ != nullptr) (void)cudaFreeHost(flag_);
  }

  cudaError_t park(cudaStream_t stream) { return ready_ == cudaSuccess ? cuda_standin::park(stream, flag_) : ready_; }
  void let_go() {
    if (flag_ != nullptr) std::atomic_ref(*flag_).store(1);
  }

 private:
  cudaError_t ready_ = cudaSuccess;
  int* flag_ = nullptr;
};

}  // namespace tierpager::cuda_standin
