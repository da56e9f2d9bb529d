// Catalogs of well-known models as their GGUF files in bf16 list them: names, types, shapes and extents, one file, in
// the order in which a forward pass uses the tensors. No bytes and no file: for plans and virtual time. Pure, any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include <tierpager/catalog.hpp>

namespace tierpager::test {

struct transformer_shape {
  std::uint64_t layers, hidden, heads, kv_heads, head_width, feed_forward, vocabulary;
  std::uint64_t experts = 0;    // 0: dense. Else each layer has a router and three stacked banks
  bool head_norms = false;      // attn_q_norm and attn_k_norm
  bool tied_embedding = false;  // no output matrix: token_embd is used at both ends of a pass
};

/// Norms and routers are F32, as GGUF writes them, everything else BF16. Expert banks are `blk.N.ffn_gate_exps.weight`
/// and so on, the expert outermost, so that `slice("*_exps*")` makes an entry of each.
catalog transformer_catalog(transformer_shape const& shape);

catalog llama_3_8b();
catalog llama_3_70b();
catalog mistral_7b();
catalog qwen3_30b_a3b();
catalog mixtral_8x7b();
/// Small enough to draft for llama_3_8b, with its vocabulary.
catalog llama_3_2_1b();

/// Both models' files and tensors in one catalog, the first's ids first, each name with its model's prefix.
catalog join(catalog const& first, std::string_view first_prefix, catalog const& second,
             std::string_view second_prefix);

}  // namespace tierpager::test
