// Catalogs of well-known models in Q4_K_M: sizes as their files have them, in the order in which a forward pass uses the
// tensors. No bytes and no file. Pure, any thread.
#pragma once

#include <cstdint>

#include <tierpager/catalog.hpp>

namespace tierpager::test {

/// The 339 tensors of qwen2.5-coder-1.5b-instruct-q4_k_m.gguf.
catalog qwen2_5_coder_1_5b_q4_k_m();
catalog llama_3_8b_q4_k_m();
/// Banks `blk.N.ffn_gate_exps.weight` and so on of 128 experts, the expert outermost, as in model_shapes.hpp.
catalog qwen3_30b_a3b_q4_k_m(std::uint64_t layers = 48);

}  // namespace tierpager::test
