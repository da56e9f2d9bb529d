#include <core/format/dtype.hpp>

#include <algorithm>
#include <array>
#include <limits>

namespace tierpager {
namespace {

constexpr std::string_view unknown_dtype_prefix = "TYPE_";

struct numbered_dtype {
  std::uint32_t number;
  dtype_info type;
};

constexpr std::array<numbered_dtype, 35> ggml_dtypes = {{
    {0, {"F32", 1, 4}},         {1, {"F16", 1, 2}},         {2, {"Q4_0", 32, 18}},      {3, {"Q4_1", 32, 20}},
    {6, {"Q5_0", 32, 22}},      {7, {"Q5_1", 32, 24}},      {8, {"Q8_0", 32, 34}},      {9, {"Q8_1", 32, 40}},
    {10, {"Q2_K", 256, 84}},    {11, {"Q3_K", 256, 110}},   {12, {"Q4_K", 256, 144}},   {13, {"Q5_K", 256, 176}},
    {14, {"Q6_K", 256, 210}},   {15, {"Q8_K", 256, 292}},   {16, {"IQ2_XXS", 256, 66}}, {17, {"IQ2_XS", 256, 74}},
    {18, {"IQ3_XXS", 256, 98}}, {19, {"IQ1_S", 256, 50}},   {20, {"IQ4_NL", 32, 18}},   {21, {"IQ3_S", 256, 110}},
    {22, {"IQ2_S", 256, 82}},   {23, {"IQ4_XS", 256, 136}}, {24, {"I8", 1, 1}},         {25, {"I16", 1, 2}},
    {26, {"I32", 1, 4}},        {27, {"I64", 1, 8}},        {28, {"F64", 1, 8}},        {29, {"IQ1_M", 256, 56}},
    {30, {"BF16", 1, 2}},       {34, {"TQ1_0", 256, 54}},   {35, {"TQ2_0", 256, 66}},   {39, {"MXFP4", 32, 17}},
    {40, {"NVFP4", 64, 36}},    {41, {"Q1_0", 128, 18}},    {42, {"Q2_0", 64, 18}},
}};

// Sub-byte types count in the smallest group of elements that fills whole bytes.
constexpr std::array<dtype_info, 22> safetensors_dtypes = {{
    {"BOOL", 1, 1},        {"F4", 2, 1},      {"F6_E2M3", 4, 3}, {"F6_E3M2", 4, 3}, {"U8", 1, 1},
    {"I8", 1, 1},          {"F8_E5M2", 1, 1}, {"F8_E4M3", 1, 1}, {"F8_E8M0", 1, 1}, {"F8_E4M3FNUZ", 1, 1},
    {"F8_E5M2FNUZ", 1, 1}, {"I16", 1, 2},     {"U16", 1, 2},     {"F16", 1, 2},     {"BF16", 1, 2},
    {"I32", 1, 4},         {"U32", 1, 4},     {"F32", 1, 4},     {"C64", 1, 8},     {"F64", 1, 8},
    {"I64", 1, 8},         {"U64", 1, 8},
}};

}  // namespace

dtype_info const* find_ggml_dtype(std::uint32_t number) {
  auto const* const at =
      std::find_if(ggml_dtypes.begin(), ggml_dtypes.end(), [&](auto const& each) { return each.number == number; });
  return at == ggml_dtypes.end() ? nullptr : &at->type;
}

bool is_removed_ggml_dtype(std::uint32_t number) {
  return number == 4 || number == 5 || (number >= 31 && number <= 33) || (number >= 36 && number <= 38);
}

bool is_newer_ggml_dtype(std::uint32_t number) {
  return number > ggml_dtypes.back().number && number <= std::numeric_limits<std::int32_t>::max();
}

std::string unknown_dtype_name(std::uint32_t number) {
  return std::string(unknown_dtype_prefix) + std::to_string(number);
}

bool is_unknown_dtype_name(std::string_view name) {
  return name.size() > unknown_dtype_prefix.size() && name.starts_with(unknown_dtype_prefix) &&
         name.find_first_not_of("0123456789", unknown_dtype_prefix.size()) == std::string_view::npos;
}

dtype_info const* find_safetensors_dtype(std::string_view name) {
  auto const* const at = std::find_if(safetensors_dtypes.begin(), safetensors_dtypes.end(),
                                      [&](auto const& each) { return each.name == name; });
  return at == safetensors_dtypes.end() ? nullptr : at;
}

dtype_info const* find_dtype(std::string_view name) {
  if (dtype_info const* const known = find_safetensors_dtype(name)) return known;
  auto const* const at =
      std::find_if(ggml_dtypes.begin(), ggml_dtypes.end(), [&](auto const& each) { return each.type.name == name; });
  return at == ggml_dtypes.end() ? nullptr : &at->type;
}

std::optional<std::uint64_t> count_elements(std::span<std::uint64_t const> shape) {
  std::uint64_t product = 1;
  bool empty = false;
  for (std::uint64_t const dimension : shape) {
    if (dimension == 0)
      empty = true;
    else if (__builtin_mul_overflow(product, dimension, &product))
      return std::nullopt;
  }
  return empty ? 0 : product;
}

std::optional<std::uint64_t> count_bytes(dtype_info const& type, std::uint64_t elements) {
  std::uint64_t bytes = 0;
  if (elements % type.block_elements != 0) return std::nullopt;
  if (__builtin_mul_overflow(elements / type.block_elements, std::uint64_t{type.block_bytes}, &bytes))
    return std::nullopt;
  return bytes;
}

}  // namespace tierpager
