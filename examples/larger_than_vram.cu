// Computes through a model twice as large as the VRAM it may use, with kernels on a stream of its own, and gets the bits
// that it gets with all of the model resident. Exits with 77 where there is no GPU. larger_than_vram.cpp is the same on
// the host device.
#include <cstdio>
#include <memory>
#include <vector>

#include <cuda_runtime_api.h>

#include <examples/chain.hpp>
#include <tierpager/open.hpp>

namespace {

constexpr chain::shape model{.layers = 32, .width = 2048};

void check(cudaError_t code) {
  if (code != cudaSuccess)
    throw tierpager::error({.code = tierpager::errc::device_failed, .what = cudaGetErrorString(code)});
}

__global__ void layer_kernel(float const* weights, float const* input, float* output, std::uint32_t width) {
  std::uint32_t const row = blockIdx.x * blockDim.x + threadIdx.x;
  if (row < width) output[row] = chain::element(weights, input, width, row);
}

std::vector<float> run(std::shared_ptr<tierpager::device> const& gpu, tierpager::budget const& vram) {
  constexpr std::uint32_t threads = 128;
  std::vector<float> values(model.width);
  for (std::uint32_t row = 0; row < model.width; ++row) values[row] = chain::first_input(row);
  tierpager::pager pager(chain::make_catalog(model), std::make_shared<chain::weights>(), gpu,
                         {.vram = vram, .ram = "unlimited"});
  cudaStream_t stream = nullptr;
  float* input = nullptr;
  float* output = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  check(cudaMalloc(reinterpret_cast<void**>(&input), model.width * sizeof(float)));
  check(cudaMalloc(reinterpret_cast<void**>(&output), model.width * sizeof(float)));
  check(cudaMemcpyAsync(input, values.data(), model.width * sizeof(float), cudaMemcpyHostToDevice, stream));
  for (int pass = 0; pass < 2; ++pass) {
    for (std::uint32_t layer = 0; layer < model.layers; ++layer) {
      auto const held = pager.acquire(tierpager::tensor_id{layer}, stream);
      layer_kernel<<<(model.width + threads - 1) / threads, threads, 0, stream>>>(held.data<float>(), input, output,
                                                                                  model.width);
      check(cudaGetLastError());
      std::swap(input, output);
    }  // released though the kernel may not have run: the memory is reused only behind it
  }
  check(cudaMemcpyAsync(values.data(), input, model.width * sizeof(float), cudaMemcpyDeviceToHost, stream));
  check(cudaStreamSynchronize(stream));
  pager.retire_stream(stream);
  check(cudaStreamDestroy(stream));
  check(cudaFree(input));
  check(cudaFree(output));
  tierpager::statistics const now = pager.stats();
  std::printf("%4llu MiB of VRAM for %llu MiB: %llu copies in two passes\n",
              static_cast<unsigned long long>(now.vram.peak_bytes >> 20U),
              static_cast<unsigned long long>(model.bytes() >> 20U),
              static_cast<unsigned long long>(now.bytes_to_device / model.layer_bytes()));
  return values;
}

std::shared_ptr<tierpager::device> open_gpu() {
  return std::shared_ptr(tierpager::value_or_throw(tierpager::open_cuda_device(0)));
}

}  // namespace

int main() {
  try {
    auto const paged = run(open_gpu(), tierpager::bytes(model.bytes() / 2));
    auto const resident = run(open_gpu(), "unlimited");  // a device of its own, since one serves one pager
    bool const equal = paged == resident;
    std::printf("%s\n", equal ? "the results are equal, bit by bit" : "the results differ");
    return equal ? 0 : 1;
  } catch (tierpager::error const& failed) {
    bool const no_gpu = failed.details().code == tierpager::errc::unsupported;
    std::fprintf(stderr, "%s%s\n", no_gpu ? "skipped: " : "", failed.what());
    return no_gpu ? 77 : 1;
  }
}
