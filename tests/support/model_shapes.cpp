#include <tests/support/model_shapes.hpp>

#include <cassert>
#include <string>
#include <utility>
#include <vector>

namespace tierpager::test {
namespace {

class model_builder {
 public:
  model_builder() { built_.add_file("model.gguf"); }

  void matrix(std::string const& name, std::vector<std::uint64_t> shape) { add(name, "BF16", 2, std::move(shape)); }
  void norm(std::string const& name, std::uint64_t width) { add(name, "F32", 4, {width}); }
  void add(std::string const& name, std::string dtype, std::uint64_t element_bytes, std::vector<std::uint64_t> shape) {
    std::uint64_t bytes = element_bytes;
    for (std::uint64_t const extent : shape) bytes *= extent;
    auto const added = built_.add({.name = name + ".weight",
                                   .dtype = std::move(dtype),
                                   .shape = std::move(shape),
                                   .order = dimension_order::innermost_first,
                                   .offset = std::exchange(offset_, round_up(offset_ + bytes, 32)),
                                   .bytes = bytes});
    assert(added.ok());
  }
  catalog take() { return std::move(built_); }

 private:
  catalog built_;
  std::uint64_t offset_ = 1 << 20;  // past a header that nobody reads
};

void add_feed_forward(model_builder& model, std::string const& block, transformer_shape const& shape) {
  model.norm(block + "ffn_norm", shape.hidden);
  if (shape.experts == 0) {
    model.matrix(block + "ffn_gate", {shape.hidden, shape.feed_forward});
    model.matrix(block + "ffn_up", {shape.hidden, shape.feed_forward});
    model.matrix(block + "ffn_down", {shape.feed_forward, shape.hidden});
    return;
  }
  model.add(block + "ffn_gate_inp", "F32", 4, {shape.hidden, shape.experts});
  model.matrix(block + "ffn_gate_exps", {shape.hidden, shape.feed_forward, shape.experts});
  model.matrix(block + "ffn_up_exps", {shape.hidden, shape.feed_forward, shape.experts});
  model.matrix(block + "ffn_down_exps", {shape.feed_forward, shape.hidden, shape.experts});
}

void append(catalog& joined, catalog const& model, std::string_view prefix) {
  std::uint32_t const first_file = static_cast<std::uint32_t>(joined.files().size());
  for (std::string const& file : model.files()) joined.add_file(std::string(prefix) + file);
  for (tensor_info tensor : model) {
    tensor.name.insert(0, prefix);
    tensor.file += first_file;
    auto const added = joined.add(std::move(tensor));
    assert(added.ok());
  }
}

}  // namespace

catalog transformer_catalog(transformer_shape const& shape) {
  model_builder model;
  std::uint64_t const query_width = shape.heads * shape.head_width;
  std::uint64_t const kv_width = shape.kv_heads * shape.head_width;
  model.matrix("token_embd", {shape.hidden, shape.vocabulary});
  for (std::uint64_t layer = 0; layer < shape.layers; ++layer) {
    std::string const block = "blk." + std::to_string(layer) + ".";
    model.norm(block + "attn_norm", shape.hidden);
    model.matrix(block + "attn_q", {shape.hidden, query_width});
    if (shape.head_norms) model.norm(block + "attn_q_norm", shape.head_width);
    model.matrix(block + "attn_k", {shape.hidden, kv_width});
    if (shape.head_norms) model.norm(block + "attn_k_norm", shape.head_width);
    model.matrix(block + "attn_v", {shape.hidden, kv_width});
    model.matrix(block + "attn_output", {query_width, shape.hidden});
    add_feed_forward(model, block, shape);
  }
  model.norm("output_norm", shape.hidden);
  if (!shape.tied_embedding) model.matrix("output", {shape.hidden, shape.vocabulary});
  return model.take();
}

catalog llama_3_8b() {
  return transformer_catalog({.layers = 32,
                              .hidden = 4096,
                              .heads = 32,
                              .kv_heads = 8,
                              .head_width = 128,
                              .feed_forward = 14336,
                              .vocabulary = 128256});
}

catalog llama_3_70b() {
  return transformer_catalog({.layers = 80,
                              .hidden = 8192,
                              .heads = 64,
                              .kv_heads = 8,
                              .head_width = 128,
                              .feed_forward = 28672,
                              .vocabulary = 128256});
}

catalog mistral_7b() {
  return transformer_catalog({.layers = 32,
                              .hidden = 4096,
                              .heads = 32,
                              .kv_heads = 8,
                              .head_width = 128,
                              .feed_forward = 14336,
                              .vocabulary = 32000});
}

catalog qwen3_30b_a3b() {
  return transformer_catalog({.layers = 48,
                              .hidden = 2048,
                              .heads = 32,
                              .kv_heads = 4,
                              .head_width = 128,
                              .feed_forward = 768,
                              .vocabulary = 151936,
                              .experts = 128,
                              .head_norms = true});
}

catalog mixtral_8x7b() {
  return transformer_catalog({.layers = 32,
                              .hidden = 4096,
                              .heads = 32,
                              .kv_heads = 8,
                              .head_width = 128,
                              .feed_forward = 14336,
                              .vocabulary = 32000,
                              .experts = 8});
}

catalog llama_3_2_1b() {
  return transformer_catalog({.layers = 16,
                              .hidden = 2048,
                              .heads = 32,
                              .kv_heads = 8,
                              .head_width = 64,
                              .feed_forward = 8192,
                              .vocabulary = 128256,
                              .tied_embedding = true});
}

catalog join(catalog const& first, std::string_view first_prefix, catalog const& second,
             std::string_view second_prefix) {
  catalog joined;
  append(joined, first, first_prefix);
  append(joined, second, second_prefix);
  return joined;
}

}  // namespace tierpager::test
