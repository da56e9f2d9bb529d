// The checksum where no device code runs: what its kernels would do is done by the CPU, in the order of the stream.
#include <cuda/checksum.hpp>

#include <atomic>
#include <cstring>

#include <tests/cuda/standin_checksum.hpp>
#include <tests/cuda_standin/standin.hpp>
#include <tierpager/checksum.hpp>

namespace tierpager {
namespace tests {
namespace {

std::atomic<cudaError_t> loading_ends_with = cudaSuccess;

}  // namespace

void answer_loading_of_kernels_with(cudaError_t code) { loading_ends_with = code; }

}  // namespace tests

std::uint64_t checksum_scratch_bytes() { return 4096; }

cudaError_t prepare_checksum(cudaStream_t) { return tests::loading_ends_with; }

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
