// The checksum where no device code runs: what its kernels would do is done by the CPU, in the order of the stream.
#include <cuda/checksum.hpp>

#include <cstring>

#include <tests/cuda_standin/standin.hpp>
#include <tierpager/checksum.hpp>

namespace tierpager {

std::uint64_t checksum_scratch_bytes() { return 4096; }

cudaError_t prepare_checksum(cudaStream_t) { return cudaSuccess; }

cudaError_t queue_checksum(cudaStream_t stream, std::byte const* data, std::uint64_t bytes, std::byte* result,
                           void* scratch, std::size_t scratch_bytes) {
  auto const sum = [=] {
    checksum_accumulator all;
    all.add({data, bytes});
    std::uint64_t const value = all.value();
    std::memcpy(result, &value, sizeof value);
  };
  return cuda_standin::launch(stream, {{data, bytes, false}, {result, 8, true}, {scratch, scratch_bytes, true}}, sum,
                              "checksum");
}

}  // namespace tierpager
