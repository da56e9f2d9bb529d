// The checksum where no device code runs, for a rehearsal of ./dev gpu on the stand-in runtime: device memory is ordinary
// memory there, and a host function sums it in the order of the stream.
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
  std::unique_ptr<asked> const one(static_cast<asked*>(given));
  checksum_accumulator all;
  all.add({one->data, one->bytes});
  std::uint64_t const value = all.value();
  std::memcpy(one->result, &value, sizeof value);
}

}  // namespace

std::uint64_t checksum_scratch_bytes() { return 4096; }

cudaError_t prepare_checksum(cudaStream_t) { return cudaSuccess; }

cudaError_t queue_checksum(cudaStream_t stream, std::byte const* data, std::uint64_t bytes, std::byte* result,
                           void* /*scratch*/, std::size_t /*scratch_bytes*/) {
  auto one = std::make_unique<asked>(asked{data, bytes, result});
  cudaError_t const queued = cudaLaunchHostFunc(stream, sum, one.get());
  if (queued == cudaSuccess) (void)one.release();
  return queued;
}

}  // namespace tierpager
