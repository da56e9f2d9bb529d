#include <tests/support/quantized_shapes.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>

#include <tests/support/catalog_of_sizes.hpp>

namespace tierpager::test {
namespace {

constexpr std::uint64_t q4_k(std::uint64_t elements) { return elements / 256 * 144; }
constexpr std::uint64_t q6_k(std::uint64_t elements) { return elements / 256 * 210; }
constexpr std::uint64_t f32(std::uint64_t elements) { return elements * 4; }

// The layers whose attn_v and ffn_down Q4_K_M keeps in Q6_K.
bool more_bits(std::size_t layer, std::size_t layers) {
  return layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2;
}

}  // namespace

// Its file was quantised in the order of the tensors' names, and so has its Q6_K in other layers.
catalog qwen2_5_coder_1_5b_q4_k_m() {
  constexpr std::array<std::size_t, 14> more{0, 1, 5, 6, 7, 8, 9, 10, 13, 16, 19, 21, 24, 27};
  catalog_of_sizes made;
  std::uint64_t const width = 1536, kv = 256, wide = 8960, rows = 151936;
  made.add("token_embd", rows, q4_k(width));
  for (std::size_t layer = 0; layer < 28; ++layer) {
    bool const large = std::ranges::find(more, layer) != more.end();
    made.add_layer(layer, {f32(width), f32(width), q4_k(width * width), f32(kv), q4_k(width * kv), f32(kv),
                           large ? q6_k(width * kv) : q4_k(width * kv), q4_k(width * width), f32(width),
                           q4_k(width * wide), q4_k(width * wide), large ? q6_k(width * wide) : q4_k(width * wide)});
  }
  made.add("output_norm", f32(width));
  made.add("output", rows, q6_k(width));
  return made.take();
}

catalog llama_3_8b_q4_k_m() {
  catalog_of_sizes made;
  std::uint64_t const width = 4096, kv = 1024, wide = 14336, rows = 128256;
  made.add("token_embd", rows, q4_k(width));
  for (std::size_t layer = 0; layer < 32; ++layer) {
    bool const large = more_bits(layer, 32);
    made.add_layer(layer, {f32(width), q4_k(width * width), q4_k(width * kv),
                           large ? q6_k(width * kv) : q4_k(width * kv), q4_k(width * width), f32(width),
                           q4_k(width * wide), q4_k(width * wide), large ? q6_k(width * wide) : q4_k(width * wide)});
  }
  made.add("output_norm", f32(width));
  made.add("output", rows, q6_k(width));
  return made.take();
}

catalog qwen3_30b_a3b_q4_k_m(std::uint64_t layers) {
  catalog_of_sizes made;
  std::uint64_t const width = 2048, query = 4096, kv = 512, wide = 768, experts = 128, rows = 151936;
  made.add("token_embd", rows, q4_k(width));
  for (std::size_t layer = 0; layer < layers; ++layer) {
    bool const large = more_bits(layer, layers);
    std::string const bank = "blk." + std::to_string(layer) + ".ffn_";
    made.add_layer(
        layer, {f32(width), q4_k(width * query), f32(128), q4_k(width * kv), f32(128),
                large ? q6_k(width * kv) : q4_k(width * kv), q4_k(query * width), f32(width), f32(width * experts)});
    made.add(bank + "gate_exps.weight", experts, q4_k(width * wide));
    made.add(bank + "up_exps.weight", experts, q4_k(width * wide));
    made.add(bank + "down_exps.weight", experts, large ? q6_k(width * wide) : q4_k(width * wide));
  }
  made.add("output_norm", f32(width));
  made.add("output", rows, q6_k(width));
  return made.take();
}

}  // namespace tierpager::test
