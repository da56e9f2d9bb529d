// The tensors of the models that make_model writes: names, types and shapes. Pure; any thread. Knows no bytes: those
// are model_writer's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tierpager::tools {

enum class element_type : std::uint8_t { bf16, i8 };

struct planned_tensor {
  std::string safetensors_name;
  std::string gguf_name;
  element_type type = element_type::bf16;
  std::vector<std::uint64_t> shape;  // outermost first
  std::uint64_t bytes = 0;
};

struct llama_shape {
  std::uint64_t layers = 9;
  std::uint64_t hidden = 2048;
  std::uint64_t feed_forward = 5632;
  std::uint64_t vocabulary = 32000;
  std::uint64_t heads = 16;
  std::uint64_t kv_heads = 8;
};

/// Embedding; in each layer two norms, attention and a gated feed-forward block; the last norm and the output: as a
/// Llama checkpoint has them, in the order an inference pass uses them.
std::vector<planned_tensor> llama_tensors(llama_shape const& shape);

/// `count` tensors of `bytes` each, named tensor.0, tensor.1, ...
struct equal_tensors {
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
};
std::vector<planned_tensor> equal_sized_tensors(equal_tensors const& shape);

}  // namespace tierpager::tools
