// What the parts of a tensor's name say: "model.layers.12.mlp.up_proj.weight" lies in layer 12. Knows the names that GGUF and
// the common safetensors models give their layers, embeddings and heads. Pure; any thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace tierpager {

inline constexpr std::array embedding_names{
    "token_embd", "position_embd", "token_types",    "embed_tokens",    "embed_positions",
    "wte",        "wpe",           "tok_embeddings", "word_embeddings", "position_embeddings"};
/// Those of tokens, whose table a model without a head of its own uses as its head too.
inline constexpr std::array token_embedding_names{"token_embd", "embed_tokens", "wte", "tok_embeddings"};
inline constexpr std::array head_names{"output", "lm_head", "embed_out"};
inline constexpr std::array output_names{"output", "output_norm", "lm_head", "embed_out"};
inline constexpr std::array last_norm_names{"output_norm", "norm", "ln_f", "final_layernorm", "final_layer_norm"};
inline constexpr std::array layer_names{"blk", "layers", "layer", "h", "blocks", "block"};

template <class Names>
[[nodiscard]] bool is_one_of(Names const& names, std::string_view part) {
  return std::find(names.begin(), names.end(), part) != names.end();
}

/// "lm_head[0:4096]" -> "lm_head".
[[nodiscard]] inline std::string_view without_slice(std::string_view name) {
  return name.ends_with(']') ? name.substr(0, name.find('[')) : name;
}

/// "model.layers.12.mlp.up_proj.weight" -> model, layers, 12, mlp, up_proj, weight
[[nodiscard]] std::vector<std::string_view> parts_of(std::string_view name);

/// Decimal digits alone, below 2^64.
[[nodiscard]] std::optional<std::uint64_t> number_of(std::string_view text);

}  // namespace tierpager
