// What a Llama-family GGUF file says of its model: sizes, and which tensors each layer computes with. Built once, then
// read-only: any thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <examples/generate/decode.hpp>
#include <tierpager/catalog.hpp>
#include <tierpager/metadata.hpp>

namespace generate {

[[noreturn]] inline void refuse(tierpager::errc code, std::string what, std::string tensor = {}) {
  throw tierpager::error({.code = code, .what = std::move(what), .tensor = std::move(tensor)});
}

/// Counts of elements, but for the last three. Names as in the GGUF specification, without the architecture.
struct sizes {
  static constexpr std::uint32_t head_max = 256;

  std::uint32_t layers = 0;    // block_count
  std::uint32_t width = 0;     // embedding_length
  std::uint32_t hidden = 0;    // feed_forward_length
  std::uint32_t heads = 0;     // attention.head_count
  std::uint32_t kv_heads = 0;  // attention.head_count_kv
  std::uint32_t head = 0;      // width of a head
  std::uint32_t rotated = 0;   // rope.dimension_count: how much of a head
  std::uint32_t words = 0;     // of the vocabulary
  float rope_base = 10000;
  float epsilon = 1e-5F;
  bool rotates_halves = false;  // the two of a pair are half a head apart (qwen2); else they are neighbours (llama)
};

/// Some rows of a table that has one for each word of the vocabulary.
struct table_block {
  tierpager::tensor_id id{};
  std::uint32_t first = 0;
  std::uint32_t rows = 0;
};

/// The tensor as a matrix at `data`; a vector is one row. Throws `unsupported` for a type that decode.hpp does not know.
inline matrix matrix_of(tierpager::tensor_info const& tensor, std::byte const* data) {
  static constexpr std::array<char const*, 8> types{"F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q4_K", "Q6_K"};
  auto const* const found = std::ranges::find(types, tensor.dtype);
  auto const columns = static_cast<std::uint32_t>(tensor.shape.empty() ? 0 : tensor.shape.front());
  auto const type = static_cast<weight_type>(found - types.begin());
  if (found == types.end() || tensor.shape.size() > 2 || columns == 0 || columns % group_weights != 0)
    refuse(tierpager::errc::unsupported, "this example computes no tensor like this of " + tensor.dtype, tensor.name);
  return {data, type, tensor.shape.size() > 1 ? static_cast<std::uint32_t>(tensor.shape[1]) : 1, columns};
}

struct llama {
  /// Of each layer, in this order; the last three only where the model has them. Acquired together.
  static constexpr std::array<char const*, 12> names{
      "attn_norm.weight", "attn_q.weight", "attn_k.weight",   "attn_v.weight", "attn_output.weight", "ffn_norm.weight",
      "ffn_gate.weight",  "ffn_up.weight", "ffn_down.weight", "attn_q.bias",   "attn_k.bias",        "attn_v.bias"};
  static constexpr std::size_t without_biases = 9;

  /// Throws tierpager::error: `unsupported` for another architecture, type or shape, `unknown_tensor` where one is missing.
  llama(tierpager::catalog const& tensors, tierpager::metadata const& from) {
    auto const architecture = from.get<std::string>("general.architecture");
    if (architecture != "llama" && architecture != "qwen2")
      refuse(tierpager::errc::unsupported, "the architecture " + architecture + " is neither llama nor qwen2");
    std::string const prefix = architecture + ".";
    size.layers = from.get<std::uint32_t>(prefix + "block_count");
    size.width = from.get<std::uint32_t>(prefix + "embedding_length");
    size.hidden = from.get<std::uint32_t>(prefix + "feed_forward_length");
    size.heads = from.get<std::uint32_t>(prefix + "attention.head_count");
    size.kv_heads = from.get_or(prefix + "attention.head_count_kv", size.heads);
    size.head = size.heads > 0 ? size.width / size.heads : 0;
    size.rotated = from.get_or(prefix + "rope.dimension_count", size.head);
    size.rope_base = from.get_or(prefix + "rope.freq_base", size.rope_base);
    size.epsilon = from.get_or(prefix + "attention.layer_norm_rms_epsilon", size.epsilon);
    size.rotates_halves = architecture == "qwen2";
    bool const divides = size.layers > 0 && size.heads > 0 && size.kv_heads > 0 && size.heads % size.kv_heads == 0 &&
                         size.width % size.heads == 0 && size.hidden % group_weights == 0;
    if (!divides || size.head > sizes::head_max || size.rotated > size.head)
      refuse(tierpager::errc::unsupported, "it has heads or layers of sizes that this example does not compute");
    bool const scales = from.get_or(prefix + "rope.scaling.type", std::string("none")) != "none";
    if (scales || tensors.find("rope_freqs.weight") || tensors.find("blk.0.ffn_gate_inp.weight"))
      refuse(tierpager::errc::unsupported, "it scales its positions or has experts, which this example does not do");

    embedding = find_table(tensors, "token_embd.weight");
    output = find_table(tensors, "output.weight");
    if (embedding.empty()) refuse(tierpager::errc::unknown_tensor, "is missing", "token_embd.weight");
    if (output.empty()) output = embedding;
    size.words = output.back().first + output.back().rows;
    output_norm = find(tensors, "output_norm.weight", size.width, 1);
    std::uint32_t const width = size.width, kv = size.kv_heads * size.head, hidden = size.hidden;
    std::uint32_t const columns[] = {width, width, width, width, width, width, width, width, hidden, width, kv, kv};
    std::uint32_t const rows[] = {1, width, kv, kv, width, 1, hidden, hidden, width, 1, 1, 1};
    has_biases = tensors.find("blk.0.attn_q.bias").has_value();
    layers.resize(size.layers);
    for (std::uint32_t layer = 0; layer < size.layers; ++layer)
      for (std::size_t i = 0; i < (has_biases ? names.size() : without_biases); ++i)
        layers[layer].push_back(find(tensors, "blk." + std::to_string(layer) + "." + names[i], columns[i], rows[i]));
  }

  /// The sets of weights of a pass, in order. The rows of the embedding are not among them: they depend on the tokens.
  [[nodiscard]] std::vector<std::vector<tierpager::tensor_id>> order() const {
    auto sets = layers;
    sets.push_back({output_norm});
    for (table_block const& each : output) sets.push_back({each.id});
    return sets;
  }

  sizes size;
  std::vector<table_block> embedding;
  std::vector<table_block> output;                        // the embedding again where the model has no other
  std::vector<std::vector<tierpager::tensor_id>> layers;  // each as `names`
  bool has_biases = false;
  tierpager::tensor_id output_norm{};

 private:
  static tierpager::tensor_id find(tierpager::catalog const& tensors, std::string const& name, std::uint32_t columns,
                                   std::uint32_t rows) {
    auto const found = tensors.find(name);
    if (!found) refuse(tierpager::errc::unknown_tensor, "is missing", name);
    matrix const it = matrix_of(tensors[*found], nullptr);
    if (it.columns != columns || it.rows != rows || (rows == 1 && it.type != weight_type::f32))
      refuse(tierpager::errc::unsupported, "has another shape or type than this model's should have", name);
    return *found;
  }

  // NAME, or all of its NAME[a:b].
  [[nodiscard]] std::vector<table_block> find_table(tierpager::catalog const& tensors, std::string const& name) const {
    std::vector<table_block> found;
    for (std::uint32_t i = 0; i < tensors.size(); ++i) {
      tierpager::tensor_info const& each = tensors[tierpager::tensor_id{i}];
      if (each.name != name && !each.name.starts_with(name + "[")) continue;
      std::uint32_t const first = found.empty() ? 0 : found.back().first + found.back().rows;
      matrix const block = matrix_of(each, nullptr);
      if (block.columns != size.width) refuse(tierpager::errc::unsupported, "has rows of another width", each.name);
      found.push_back({tierpager::tensor_id{i}, first, block.rows});
    }
    return found;
  }
};

}  // namespace generate
