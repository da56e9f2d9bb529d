#include <core/format/dtype.hpp>

#include <gtest/gtest.h>

#include <vector>

namespace tierpager {
namespace {

constexpr std::uint64_t largest = ~std::uint64_t{0};

TEST(dtype, knows_what_ggml_has_had_and_never_had) {
  for (std::uint32_t number = 0; number < 100; ++number)
    EXPECT_EQ((find_ggml_dtype(number) != nullptr) + is_removed_ggml_dtype(number) + is_newer_ggml_dtype(number), 1)
        << number;
  EXPECT_EQ(find_ggml_dtype(12)->name, "Q4_K");
  EXPECT_TRUE(is_removed_ggml_dtype(4));
  EXPECT_EQ(find_ggml_dtype(99), nullptr);
  EXPECT_EQ(find_ggml_dtype(0xffffffff), nullptr);
  EXPECT_FALSE(is_newer_ggml_dtype(0xffffffff));
  EXPECT_TRUE(is_unknown_dtype_name(unknown_dtype_name(99)));
  for (std::string_view const name : {"TYPE_", "TYPE_9x", "Q4_K", "type_9"}) EXPECT_FALSE(is_unknown_dtype_name(name));
}

TEST(dtype, has_one_size_for_a_name_that_both_formats_use) {
  for (std::uint32_t number = 0; number < 64; ++number) {
    dtype_info const* const ggml = find_ggml_dtype(number);
    if (ggml == nullptr) continue;
    dtype_info const* const either = find_dtype(ggml->name);
    EXPECT_EQ(count_bytes(*either, 256), count_bytes(*ggml, 256)) << ggml->name;
  }
}

TEST(dtype, counts_elements_without_wrapping_even_where_a_dimension_is_zero) {
  auto count = [](std::vector<std::uint64_t> const& shape) { return count_elements(shape); };
  EXPECT_EQ(count({}), 1U);
  EXPECT_EQ(count({3, 0, 5}), 0U);
  EXPECT_EQ(count({largest}), largest);
  EXPECT_EQ(count({1ULL << 32U, 1ULL << 32U}), std::nullopt);
  EXPECT_EQ(count({0, 1ULL << 32U, 1ULL << 32U}), std::nullopt);
}

TEST(dtype, counts_bytes_of_whole_blocks_only) {
  EXPECT_EQ(count_bytes(*find_dtype("Q4_K"), 512), 288U);
  EXPECT_EQ(count_bytes(*find_dtype("Q4_K"), 300), std::nullopt);
  EXPECT_EQ(count_bytes(*find_dtype("F4"), 3), std::nullopt);
  EXPECT_EQ(count_bytes(*find_dtype("F6_E2M3"), 8), 6U);
  EXPECT_EQ(count_bytes(*find_dtype("F64"), largest / 8 + 1), std::nullopt);
}

}  // namespace
}  // namespace tierpager
