// Writes a model file of pseudo-random bytes in constant memory. A tensor's bytes follow from the seed and its number
// alone, so both formats hold the same ones. One thread. Follows the safetensors and GGUF v3 specifications.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include <tools/model_layout.hpp>
#include <tools/output.hpp>

namespace tierpager::tools {

enum class model_format : std::uint8_t { safetensors, gguf };

struct written_model {
  model_format format = model_format::safetensors;
  std::uint64_t seed = 0;
  std::vector<planned_tensor> tensors;
  llama_shape shape;  // what a GGUF file says of itself
};

/// Bytes [offset, offset + size) of tensor number `tensor`; `offset` is a multiple of 8. BF16 ones are finite numbers.
void fill_tensor_bytes(written_model const& model, std::size_t tensor, std::uint64_t offset,
                       std::span<std::byte> target);

/// Does not commit. `after_piece` is called with the bytes of each piece written; what it throws ends the writing.
void write_model(written_model const& model, output_file& to,
                 std::function<void(std::uint64_t bytes)> const& after_piece);

}  // namespace tierpager::tools
