#include <tools/model_layout.hpp>

#include <utility>

#include <fmt/format.h>

namespace tierpager::tools {

namespace {

planned_tensor weight(std::string safetensors_name, std::string gguf_name, std::vector<std::uint64_t> shape) {
  planned_tensor made{std::move(safetensors_name), std::move(gguf_name), element_type::bf16, std::move(shape), 2};
  for (std::uint64_t const extent : made.shape) made.bytes *= extent;
  return made;
}

}  // namespace

std::vector<planned_tensor> llama_tensors(llama_shape const& shape) {
  std::uint64_t const kv_width = shape.hidden / shape.heads * shape.kv_heads;
  std::vector<planned_tensor> all;
  all.push_back(weight("model.embed_tokens.weight", "token_embd.weight", {shape.vocabulary, shape.hidden}));
  for (std::uint64_t layer = 0; layer < shape.layers; ++layer) {
    auto const add = [&](std::string_view safetensors_name, std::string_view gguf_name,
                         std::vector<std::uint64_t> extents) {
      all.push_back(weight(fmt::format("model.layers.{}.{}.weight", layer, safetensors_name),
                           fmt::format("blk.{}.{}.weight", layer, gguf_name), std::move(extents)));
    };
    add("input_layernorm", "attn_norm", {shape.hidden});
    add("self_attn.q_proj", "attn_q", {shape.hidden, shape.hidden});
    add("self_attn.k_proj", "attn_k", {kv_width, shape.hidden});
    add("self_attn.v_proj", "attn_v", {kv_width, shape.hidden});
    add("self_attn.o_proj", "attn_output", {shape.hidden, shape.hidden});
    add("post_attention_layernorm", "ffn_norm", {shape.hidden});
    add("mlp.gate_proj", "ffn_gate", {shape.feed_forward, shape.hidden});
    add("mlp.up_proj", "ffn_up", {shape.feed_forward, shape.hidden});
    add("mlp.down_proj", "ffn_down", {shape.hidden, shape.feed_forward});
  }
  all.push_back(weight("model.norm.weight", "output_norm.weight", {shape.hidden}));
  all.push_back(weight("lm_head.weight", "output.weight", {shape.vocabulary, shape.hidden}));
  return all;
}

std::vector<planned_tensor> equal_sized_tensors(equal_tensors const& shape) {
  std::vector<planned_tensor> all;
  for (std::uint64_t number = 0; number < shape.count; ++number) {
    std::string const name = fmt::format("tensor.{}", number);
    all.push_back({name, name, element_type::i8, {shape.bytes}, shape.bytes});
  }
  return all;
}

}  // namespace tierpager::tools
