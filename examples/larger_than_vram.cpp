// Computes through a model twice as large as the VRAM it may use, and gets the bits that it gets with all of the model
// resident. On the host device; larger_than_vram.cu is the same on a GPU.
#include <cstdio>
#include <memory>
#include <vector>

#include <examples/chain.hpp>
#include <tierpager/host_stream.hpp>
#include <tierpager/open.hpp>

namespace {

constexpr chain::shape model{.layers = 24, .width = 128};

std::vector<float> run(tierpager::budget const& vram) {
  std::vector<float> input(model.width);
  for (std::uint32_t row = 0; row < model.width; ++row) input[row] = chain::first_input(row);
  std::vector<float> output(model.width);
  tierpager::host_stream stream;
  tierpager::pager pager(chain::make_catalog(model), std::make_shared<chain::weights>(),
                         tierpager::open_device(tierpager::device_kind::host), {.vram = vram, .ram = "unlimited"});
  for (int pass = 0; pass < 2; ++pass) {
    for (std::uint32_t layer = 0; layer < model.layers; ++layer) {
      auto const held = pager.acquire(tierpager::tensor_id{layer}, stream);
      stream.submit([&input, &output, weights = held.data<float>()] {
        for (std::uint32_t row = 0; row < model.width; ++row)
          output[row] = chain::element(weights, input.data(), model.width, row);
        std::swap(input, output);
      });
    }  // released though the work may not have run: the memory is reused only behind it
  }
  stream.synchronize();
  pager.retire_stream(stream);
  tierpager::statistics const now = pager.stats();
  std::printf("%7llu KiB of VRAM for %llu KiB: %llu copies in two passes\n",
              static_cast<unsigned long long>(now.vram.peak_bytes >> 10U),
              static_cast<unsigned long long>(model.bytes() >> 10U),
              static_cast<unsigned long long>(now.bytes_to_device / model.layer_bytes()));
  return input;
}

}  // namespace

int main() {
  auto const paged = run(tierpager::bytes(model.bytes() / 2));
  auto const resident = run("unlimited");
  bool const equal = paged == resident;
  std::printf("%s\n", equal ? "the results are equal, bit by bit" : "the results differ");
  return equal ? 0 : 1;
}
