// The checksum for programs that run on the preloaded stand-in, where no device code runs: device memory is ordinary
// memory there, and a host function sums it in the order of the stream. To be linked in place of the kernels.
#include <cuda/checksum.hpp>

#include <cstring>
#include <memory>

#include <tierpager/checksum.hpp>

namespace tierpager {
namespace {

struct asked {
  std::byte const* data;
  std::uint64_t bytes;
  std::byte* result;
};

void sum(void* given) {
  std::unique_ptr<asked> const question(static_cast<asked*>(given));
  checksum_accumulator all;
  all.add({question->data, question->bytes});
  std::uint64_t const value = all.value();
  std::memcpy(question->result, &value, sizeof value);
}

}  // namespace

std::uint64_t checksum_scratch_bytes() { return 4096; }

cudaError_t prepare_checksum(cudaStream_t) { return cudaSuccess; }

cudaError_t queue_checksum(cudaStream_t stream, std::byte const* data, std::uint64_t bytes, std::byte* result,
                           void* /*scratch*/, std::size_t /*scratch_bytes*/) {
  auto found = std::make_unique<asked>(asked{data, bytes, result});
  cudaError_t const queued = cudaLaunchHostFunc(stream, sum, found.get());
  if (queued == cudaSuccess) (void)found.release();
  return queued;
}

}  // namespace tierpager
