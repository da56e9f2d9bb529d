#include <tests/support/small_tensor_shapes.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace tierpager::test {
namespace {

constexpr std::uint64_t mib = 1U << 20U;

class catalog_of_sizes {
 public:
  catalog_of_sizes() { built_.add_file("model.gguf"); }

  void add(std::string const& name, std::uint64_t bytes) { add(name, 1, bytes); }
  void add(std::string const& name, std::uint64_t rows, std::uint64_t row_bytes) {
    value_or_throw(built_.add({.name = name,
                               .dtype = "U8",
                               .shape = {row_bytes, rows},
                               .order = dimension_order::innermost_first,
                               .offset = offset_,
                               .bytes = rows * row_bytes}));
    offset_ += round_up(rows * row_bytes, 32);
  }
  void add_layer(std::size_t number, std::vector<std::uint64_t> const& sizes) {
    for (std::size_t i = 0; i < sizes.size(); ++i)
      add("blk." + std::to_string(number) + "." + std::to_string(i), sizes[i]);
  }
  catalog take() { return std::move(built_); }

 private:
  catalog built_;
  std::uint64_t offset_ = 0;
};

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

catalog nearly_equal() {
  catalog_of_sizes made;
  for (std::uint64_t i = 0; i < 400; ++i) made.add("t" + std::to_string(i), 19 * mib / 10 + i * 7919 % 400 * 524);
  return made.take();
}

}  // namespace tierpager::test
