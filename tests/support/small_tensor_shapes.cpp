#include <tests/support/small_tensor_shapes.hpp>

#include <array>
#include <cstdint>
#include <string>

#include <tests/support/catalog_of_sizes.hpp>

namespace tierpager::test {
namespace {

constexpr std::uint64_t mib = 1U << 20U;

}  // namespace

catalog smollm2_135m_q4_1() {
  catalog_of_sizes made;
  made.add("token_embd", 49152, 612);
  for (std::size_t layer = 0; layer < 30; ++layer)
    made.add_layer(layer, {2304, 207360, 69120, 69120, 207360, 2304, 552960, 552960, 552960});
  made.add("output_norm", 2304);
  return value_or_throw(made.take().slice("token_embd", 1024));
}

catalog gemma3_270m_q4_k_m() {
  catalog_of_sizes made;
  made.add("token_embd", 262144, 680);
  std::array<bool, 18> const large_down{true,  true, false, false, true, false, false, true, false,
                                        false, true, false, false, true, false, true,  true, true};
  for (std::size_t layer = 0; layer < 18; ++layer) {
    bool const large = large_down[layer];
    made.add_layer(layer, {2560, 450560, 1024, 112640, 1024, large ? 174080U : 112640U, 368640, 2560, 2560, 901120,
                           901120, large ? 1075200U : 737280U, 2560});
  }
  made.add("output_norm", 2560);
  return value_or_throw(made.take().slice("token_embd", 1024));
}

catalog sdxl_like() {
  catalog_of_sizes made;
  for (std::size_t block = 0; block < 70; ++block) {
    std::uint64_t const width = block < 4 || block >= 64 ? 640 : 1280;
    std::uint64_t const square = 2 * width * width, context = 2 * 2048 * width, row = 2 * width;
    made.add_layer(block, {row,     row,     square, square, square, square, row,        row,     row,        square,
                           context, context, square, row,    row,    row,    8 * square, 8 * row, 4 * square, row});
  }
  return made.take();
}

catalog flux_like() {
  catalog_of_sizes made;
  std::uint64_t const row = 2 * 3072, square = 3072 * row, head = 2 * 128;
  made.add_layer(0, {64 * row, row, 4096 * row, row});                            // image and text in
  made.add_layer(1, {256 * row, row, square, row, 768 * row, row, square, row});  // time and pooled text in
  made.add_layer(2, {256 * row, row, square, row});                               // guidance in
  for (std::size_t block = 3; block < 22; ++block)
    made.add_layer(block, {6 * square, 6 * row, 3 * square, 3 * row, head,       head,    square,     row,
                           4 * square, 4 * row, 4 * square, row,     6 * square, 6 * row, 3 * square, 3 * row,
                           head,       head,    square,     row,     4 * square, 4 * row, 4 * square, row});
  for (std::size_t block = 22; block < 60; ++block)
    made.add_layer(block, {3 * square, 3 * row, 7 * square, 7 * row, head, head, 5 * square, row});
  made.add_layer(60, {2 * square, 2 * row, 64 * row, 128});
  return made.take();
}

catalog t5_xxl_encoder() {
  catalog_of_sizes made;
  std::uint64_t const row = 2 * 4096, square = 4096 * row, wide = 10240 * row;
  made.add("shared", 32128, row);
  for (std::size_t block = 0; block < 24; ++block) {
    made.add_layer(block, {row, square, square, square, square, row, wide, wide, wide});
    if (block == 0) made.add("blk.0.relative_attention_bias", std::uint64_t{2} * 32 * 64);
  }
  made.add("final_layer_norm", row);
  return made.take();
}

catalog nearly_equal() {
  catalog_of_sizes made;
  for (std::uint64_t i = 0; i < 400; ++i) made.add("t" + std::to_string(i), 19 * mib / 10 + i * 7919 % 400 * 524);
  return made.take();
}

}  // namespace tierpager::test
