#include <string>

#include <cuda_runtime_api.h>

#include <examples/growing_buffer.hpp>

tierpager::device_kind growing_buffer::place() { return tierpager::device_kind::cuda; }

growing_buffer::~growing_buffer() {
  for (void* piece : pieces_) (void)cudaFree(piece);
}

void growing_buffer::grow(std::uint64_t bytes) {
  void* piece = nullptr;
  if (cudaError_t const code = cudaMalloc(&piece, bytes); code != cudaSuccess)
    throw tierpager::error({.code = tierpager::errc::out_of_memory,
                            .what = "the buffer beside the pager: " + std::string(cudaGetErrorString(code))});
  pieces_.push_back(piece);
}
