// What the link to the GPU gives at best: large copies from page-locked memory, nothing else going on. What the pager
// reaches is held against it. Prints one JSON object; exits with 77 where there is no GPU.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include <cuda_runtime_api.h>

namespace {

constexpr std::size_t buffer_bytes = std::size_t{512} << 20U;
constexpr int rounds = 7;

void check(cudaError_t code, char const* call) {
  if (code == cudaSuccess) return;
  std::fprintf(stderr, "bandwidth: %s: %s\n", call, cudaGetErrorString(code));
  std::exit(1);
}

/// Bytes a second of the best of some rounds, each of which copies the whole buffer in pieces.
double best_rate(std::byte* target, std::byte const* from, std::size_t bytes, std::size_t piece_bytes,
                 cudaStream_t stream) {
  double best = 0;
  for (int round = 0; round < rounds; ++round) {
    auto const begin = std::chrono::steady_clock::now();
    for (std::size_t at = 0; at < bytes; at += piece_bytes)
      check(cudaMemcpyAsync(target + at, from + at, std::min(piece_bytes, bytes - at), cudaMemcpyHostToDevice, stream),
            "cudaMemcpyAsync");
    check(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
    std::chrono::duration<double> const took = std::chrono::steady_clock::now() - begin;
    best = std::max(best, static_cast<double>(bytes) / took.count());
  }
  return best;
}

}  // namespace

// `--probe`: only whether there is a GPU. BYTES: of the buffer.
int main(int count, char** arguments) {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::fprintf(stderr, "bandwidth: no GPU\n");
    return 77;
  }
  if (count > 1 && std::string_view(arguments[1]) == "--probe") return 0;
  std::size_t const bytes = count > 1 ? std::strtoull(arguments[1], nullptr, 10) : buffer_bytes;
  void* from = nullptr;
  void* target = nullptr;
  cudaStream_t stream = nullptr;
  check(cudaHostAlloc(&from, bytes, cudaHostAllocDefault), "cudaHostAlloc");
  check(cudaMalloc(&target, bytes), "cudaMalloc");
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
  std::memset(from, 1, bytes);
  auto const rate = [&](std::size_t piece_bytes) {
    return best_rate(static_cast<std::byte*>(target), static_cast<std::byte const*>(from), bytes, piece_bytes, stream);
  };
  double const whole = rate(bytes);
  double const in_64_mebibytes = rate(std::size_t{64} << 20U);
  double const in_8_mebibytes = rate(std::size_t{8} << 20U);
  check(cudaStreamDestroy(stream), "cudaStreamDestroy");
  check(cudaFree(target), "cudaFree");
  check(cudaFreeHost(from), "cudaFreeHost");
  std::printf(
      "{\"bytes_a_second\": %.0f, \"buffer_bytes\": %zu, \"in_64_mebibytes\": %.0f, \"in_8_mebibytes\": %.0f}\n",
      std::max(whole, in_64_mebibytes), bytes, in_64_mebibytes, in_8_mebibytes);
  return 0;
}
