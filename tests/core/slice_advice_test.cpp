#include <core/slice_advice.hpp>

#include <gtest/gtest.h>

namespace tierpager {
namespace {

tensor_info table(std::string name, std::uint64_t rows, std::uint64_t row_bytes) {
  return {.name = std::move(name), .dtype = "U8", .shape = {rows, row_bytes}, .bytes = rows * row_bytes};
}

using rows = std::optional<std::uint64_t>;

TEST(slice_advice, finds_the_largest_power_of_two_of_rows_that_fits) {
  tensor_info const embedding = table("embedding", 49'152, 1'000);
  EXPECT_EQ(rows_that_fit(embedding, 30'000'000), rows(16'384));
  EXPECT_EQ(rows_that_fit(embedding, 4'096'000), rows(4'096));
  EXPECT_EQ(rows_that_fit(embedding, 4'095'999), rows(2'048));
  EXPECT_EQ(rows_that_fit(embedding, 1'000), rows(1));
  EXPECT_EQ(rows_that_fit(embedding, 999), std::nullopt);
  EXPECT_EQ(rows_that_fit(table("pair", 2, 10), ~std::uint64_t{0}), rows(1));  // fewer than all
}

TEST(slice_advice, counts_the_outermost_dimension_of_either_order) {
  tensor_info innermost_first = table("embedding", 100, 10);
  innermost_first.shape = {10, 100};
  innermost_first.order = dimension_order::innermost_first;
  EXPECT_EQ(rows_that_fit(innermost_first, 500), rows(32));
}

TEST(slice_advice, has_none_for_what_cannot_be_sliced) {
  tensor_info uneven = table("uneven", 3, 10);
  uneven.bytes = 31;
  tensor_info scalar = table("scalar", 1, 10);
  scalar.shape = {};
  for (tensor_info const& each : {uneven, scalar, table("row", 1, 10), table("empty", 5, 0), table("none", 0, 5)}) {
    EXPECT_EQ(rows_that_fit(each, 9), std::nullopt) << each.name;
    EXPECT_EQ(slice_advice(each, 9), "") << each.name;
  }
}

TEST(slice_advice, says_an_option_that_can_be_pasted) {
  EXPECT_EQ(slice_advice(table("token_embd.weight", 100, 10), 500),
            ", or slices of fewer rows: --slice 'token_embd.weight:32' (open_options::slice)");
  EXPECT_EQ(slice_advice(table("it's", 100, 10), 500), "");
}

TEST(slice_advice, asks_for_smaller_blocks_of_a_tensor_that_is_sliced_into_blocks) {
  auto const names = [](std::string const& name, std::string const& whole) {
    std::string const said = slice_advice(table(name, 100, 10), 500);
    return said.find("'" + whole + ":32'") != std::string::npos;
  };
  EXPECT_TRUE(names("table[100:200]", "table"));
  EXPECT_TRUE(names("bank[3][100:200]", "bank[3]"));
  for (std::string const kept : {"bank[3]", "a[1:]", "a[:2]", "a1:2]", "[a:2]", "a[1:2", "a:2]"})
    EXPECT_TRUE(names(kept, kept)) << kept;
}

}  // namespace
}  // namespace tierpager
