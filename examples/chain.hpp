// What the two programs larger_than_vram.cpp and .cu compute, on the CPU and on a GPU: a vector that is passed through
// a chain of square matrices, as activations pass through the layers of a model. For these examples; any thread.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>

#include <tierpager/checksum.hpp>
#include <tierpager/pager.hpp>

namespace chain {

struct shape {
  std::uint32_t layers;
  std::uint32_t width;
  [[nodiscard]] std::uint64_t layer_bytes() const { return std::uint64_t{width} * width * sizeof(float); }
  [[nodiscard]] std::uint64_t bytes() const { return layers * layer_bytes(); }
};

/// Element `row` of what a layer makes of `input`.
TIERPAGER_HOST_DEVICE inline float element(float const* weights, float const* input, std::uint32_t width,
                                           std::uint32_t row) {
  float sum = 0;
  for (std::uint32_t column = 0; column < width; ++column)
    sum += weights[std::uint64_t{row} * width + column] * input[column];
  return input[row] + sum / static_cast<float>(width);
}

inline float first_input(std::uint32_t row) { return 1.0F / static_cast<float>(1 + row % 7); }

/// The weights follow from their place, so there is no file.
class weights final : public tierpager::source {
 public:
  tierpager::status read(std::uint32_t /*file*/, std::uint64_t offset, std::span<std::byte> target) override {
    for (std::size_t i = 0; i + sizeof(float) <= target.size(); i += sizeof(float)) {
      std::uint64_t const drawn = tierpager::checksum_mix((offset + i) / sizeof(float) + 1) >> 40U;
      float const weight = static_cast<float>(drawn) / static_cast<float>(1U << 24U) - 0.5F;
      std::memcpy(target.data() + i, &weight, sizeof(weight));
    }
    return {};
  }
};

inline tierpager::catalog make_catalog(shape const& of) {
  tierpager::catalog made;
  std::uint32_t const file = made.add_file("weights");
  for (std::uint64_t layer = 0; layer < of.layers; ++layer) {
    tierpager::value_or_throw(made.add({.name = "layer." + std::to_string(layer),
                                        .dtype = "F32",
                                        .shape = {of.width, of.width},
                                        .file = file,
                                        .offset = layer * of.layer_bytes(),
                                        .bytes = of.layer_bytes()}));
  }
  return made;
}

}  // namespace chain
