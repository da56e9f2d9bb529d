#include <cstring>

#include <cub/device/device_reduce.cuh>
#include <thrust/iterator/counting_iterator.h>

#include <cuda/checksum.hpp>
#include <tierpager/checksum.hpp>

namespace tierpager {
namespace {

/// The term of one word; the last one may reach beyond the data, and is then filled up with zeros.
struct word_term {
  std::byte const* data;
  std::uint64_t bytes;

  __device__ std::uint64_t operator()(std::uint64_t position) const {
    std::uint64_t const at = position * 8;
    if (bytes - at >= 8) return checksum_term(*reinterpret_cast<std::uint64_t const*>(data + at), position);
    std::uint64_t word = 0;
    for (std::uint64_t i = 0; at + i < bytes; ++i) word |= static_cast<std::uint64_t>(data[at + i]) << (8 * i);
    return checksum_term(word, position);
  }
};

struct sum {
  __host__ __device__ std::uint64_t operator()(std::uint64_t a, std::uint64_t b) const { return a + b; }
};

cudaError_t reduce(void* scratch, std::size_t& scratch_bytes, std::byte const* data, std::uint64_t bytes,
                   std::byte* result, cudaStream_t stream) {
  auto const positions = thrust::make_counting_iterator(std::uint64_t{0});
  return cub::DeviceReduce::TransformReduce(scratch, scratch_bytes, positions,
                                            reinterpret_cast<std::uint64_t*>(result), (bytes + 7) / 8, sum{},
                                            word_term{data, bytes}, checksum_mix(bytes), stream);
}

constexpr std::uint64_t scratch_max = std::uint64_t{256} << 10U;
constexpr std::uint64_t prepared_bytes = std::uint64_t{1} << 20U;  // enough for the kernels of many words

}  // namespace

// One value a thread block, and blocks as many as run at once and a little: far below this on every GPU there is.
std::uint64_t checksum_scratch_bytes() { return scratch_max; }

cudaError_t queue_checksum(cudaStream_t stream, std::byte const* data, std::uint64_t bytes, std::byte* result,
                           void* scratch, std::size_t scratch_bytes) {
  std::size_t needed = 0;
  if (cudaError_t const code = reduce(nullptr, needed, data, bytes, result, stream); code != cudaSuccess) return code;
  if (needed > scratch_bytes) return cudaErrorMemoryAllocation;
  return reduce(scratch, scratch_bytes, data, bytes, result, stream);
}

// Kernels are loaded when they are first used, which waits for the device and allocates: so they are used here, those
// for few words and those for many.
cudaError_t prepare_checksum(cudaStream_t stream) {
  void* memory = nullptr;
  cudaError_t code = cudaMalloc(&memory, prepared_bytes + scratch_max);
  if (code != cudaSuccess) return code;
  auto* const data = static_cast<std::byte*>(memory);
  for (std::uint64_t const bytes : {std::uint64_t{0}, prepared_bytes - 8})
    if (code == cudaSuccess)
      code = queue_checksum(stream, data, bytes, data + prepared_bytes - 8, data + prepared_bytes, scratch_max);
  if (code == cudaSuccess) code = cudaStreamSynchronize(stream);
  cudaError_t const freed = cudaFree(memory);
  return code == cudaSuccess ? freed : code;
}

}  // namespace tierpager
