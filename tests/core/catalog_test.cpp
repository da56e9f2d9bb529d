#include <tierpager/catalog.hpp>

#include <gtest/gtest.h>

namespace tierpager {
namespace {

tensor_info tensor(std::string name, std::vector<std::uint64_t> shape, std::uint64_t bytes) {
  return {.name = std::move(name), .dtype = "F32", .shape = std::move(shape), .bytes = bytes};
}

TEST(catalog, finds_by_name_and_by_glob_in_id_order) {
  catalog tensors;
  tensors.add_file("m");
  (void)tensors.add(tensor("blk.0.ffn_norm.weight", {4}, 16));
  (void)tensors.add(tensor("output.weight", {4}, 16));
  (void)tensors.add(tensor("blk.1.ffn_norm.weight", {4}, 16));
  EXPECT_EQ(tensors.find("output.weight"), tensor_id{1});
  EXPECT_EQ(tensors.find("output"), std::nullopt);
  EXPECT_EQ(tensors.match("*_norm*"), (std::vector{tensor_id{0}, tensor_id{2}}));
  EXPECT_EQ(tensors.bytes(), 48U);
}

TEST(catalog, refuses_a_name_twice_an_unknown_file_and_a_wrapping_extent) {
  catalog tensors;
  tensors.add_file("m");
  EXPECT_TRUE(tensors.add(tensor("a", {1}, 4)).ok());
  EXPECT_EQ(tensors.add(tensor("a", {1}, 4)).error().code, errc::invalid_argument);
  EXPECT_FALSE(tensors.add({.name = "b", .dtype = "F32", .shape = {}, .file = 1, .bytes = 4}).ok());
  EXPECT_FALSE(tensors.add({.name = "c", .dtype = "F32", .shape = {}, .offset = ~0ULL, .bytes = 4}).ok());
  EXPECT_EQ(tensors.size(), 1U);
}

TEST(catalog, slices_along_the_outermost_dimension_of_either_order) {
  catalog tensors;
  tensors.add_file("m");
  (void)tensors.add(tensor("a", {1}, 4));
  (void)tensors.add({.name = "e",
                     .dtype = "F32",
                     .shape = {5, 3, 2},
                     .order = dimension_order::innermost_first,
                     .offset = 100,
                     .bytes = 120});
  (void)tensors.add({.name = "s", .dtype = "F32", .shape = {3, 5}, .offset = 220, .bytes = 60});
  catalog const by_expert = value_or_throw(tensors.slice("[es]"));
  ASSERT_EQ(by_expert.size(), 6U);
  tensor_info const& second = by_expert[*by_expert.find("e[1]")];
  EXPECT_EQ(second.offset, 160U);
  EXPECT_EQ(second.bytes, 60U);
  EXPECT_EQ(second.shape, (std::vector<std::uint64_t>{5, 3}));
  EXPECT_EQ(by_expert[*by_expert.find("s[2]")].offset, 260U);
  EXPECT_EQ(by_expert.bytes(), tensors.bytes());
  EXPECT_EQ(tensors.slice("zz").error().code, errc::unknown_tensor);
}

TEST(catalog, does_not_slice_what_is_of_a_type_whose_blocks_are_not_known) {
  catalog tensors;
  tensors.add_file("m");
  // Four rows of 10 bytes, were it not for the padding behind them.
  (void)tensors.add({.name = "t", .dtype = "TYPE_43", .shape = {4, 256}, .bytes = 64});
  failure const why = tensors.slice("t").error();
  EXPECT_EQ(why.code, errc::invalid_argument);
  EXPECT_EQ(why.tensor, "t");
}

using extents = std::vector<std::uint64_t>;

std::vector<std::string> names_of(catalog const& tensors) {
  std::vector<std::string> names;
  for (tensor_info const& each : tensors) names.push_back(each.name);
  return names;
}

// "first" lists its outermost dimension first, "last" last; both have 10 rows of 12 bytes.
catalog two_tables() {
  catalog tensors;
  tensors.add_file("m");
  (void)tensors.add({.name = "first", .dtype = "F32", .shape = {10, 3}, .offset = 64, .bytes = 120});
  (void)tensors.add({.name = "last",
                     .dtype = "F32",
                     .shape = {3, 10},
                     .order = dimension_order::innermost_first,
                     .offset = 184,
                     .bytes = 120});
  return tensors;
}

TEST(catalog, slices_into_blocks_of_rows_the_last_of_which_may_be_shorter) {
  catalog const blocks = value_or_throw(two_tables().slice("*", 4));
  EXPECT_EQ(names_of(blocks), (std::vector<std::string>{"first[0:4]", "first[4:8]", "first[8:10]", "last[0:4]",
                                                        "last[4:8]", "last[8:10]"}));
  tensor_info const& second = blocks[tensor_id{1}];
  EXPECT_EQ(second.shape, (extents{4, 3}));
  EXPECT_EQ(second.offset, 112U);
  EXPECT_EQ(second.bytes, 48U);
  tensor_info const& last = blocks[tensor_id{5}];
  EXPECT_EQ(last.shape, (extents{3, 2}));
  EXPECT_EQ(last.offset, 280U);
  EXPECT_EQ(last.bytes, 24U);
  EXPECT_EQ(blocks.bytes(), two_tables().bytes());
  EXPECT_EQ(names_of(value_or_throw(two_tables().slice("first", 5))),
            (std::vector<std::string>{"first[0:5]", "first[5:10]", "last"}));
}

TEST(catalog, keeps_whole_what_has_no_more_rows_than_a_block) {
  for (std::uint64_t const rows : {std::uint64_t{10}, std::uint64_t{11}, ~std::uint64_t{0}}) {
    catalog const whole = value_or_throw(two_tables().slice("*", rows));
    EXPECT_EQ(names_of(whole), names_of(two_tables())) << rows;
    EXPECT_EQ(whole[tensor_id{0}].shape, (extents{10, 3})) << rows;
  }
  EXPECT_EQ(names_of(value_or_throw(two_tables().slice("first", 9))),
            (std::vector<std::string>{"first[0:9]", "first[9:10]", "last"}));
}

TEST(catalog, one_row_a_block_is_the_same_as_single_slices) {
  catalog const single = value_or_throw(two_tables().slice("*"));
  catalog const blocks = value_or_throw(two_tables().slice("*", 1));
  EXPECT_EQ(names_of(blocks), names_of(single));
  EXPECT_EQ(blocks[tensor_id{0}].name, "first[0]");
  EXPECT_EQ(blocks[tensor_id{0}].shape, (extents{3}));
}

TEST(catalog, slices_slices_by_their_own_rows) {
  catalog experts;
  experts.add_file("m");
  (void)experts.add(tensor("bank", {2, 6, 5}, 240));
  catalog const by_expert = value_or_throw(experts.slice("bank"));
  catalog const again = value_or_throw(by_expert.slice("bank[1]", 4));
  EXPECT_EQ(names_of(again), (std::vector<std::string>{"bank[0]", "bank[1][0:4]", "bank[1][4:6]"}));
  EXPECT_EQ(again[tensor_id{2}].offset, 200U);
  EXPECT_EQ(again[tensor_id{2}].shape, (extents{2, 5}));
  catalog const halves = value_or_throw(value_or_throw(two_tables().slice("first", 6)).slice("first*", 4));
  EXPECT_EQ(names_of(halves), (std::vector<std::string>{"first[0:6][0:4]", "first[0:6][4:6]", "first[6:10]", "last"}));
}

TEST(catalog, refuses_slices_of_no_rows_of_scalars_and_of_rows_of_unequal_bytes) {
  catalog tensors;
  tensors.add_file("m");
  (void)tensors.add(tensor("scalar", {}, 4));
  (void)tensors.add(tensor("odd", {3}, 4));
  (void)tensors.add(tensor("empty", {0, 4}, 0));
  EXPECT_EQ(two_tables().slice("*", 0).error().code, errc::invalid_argument);
  for (std::string const name : {"scalar", "odd"}) {
    failure const why = tensors.slice(name, 2).error();
    EXPECT_EQ(why.code, errc::invalid_argument) << name;
    EXPECT_EQ(why.tensor, name);
  }
  EXPECT_EQ(tensors.slice("empty").error().code, errc::invalid_argument);
  EXPECT_EQ(tensors.slice("zz", 2).error().code, errc::unknown_tensor);
}

TEST(catalog, refuses_more_slices_than_can_be_handled_before_it_makes_one) {
  catalog tensors;
  tensors.add_file("f");
  std::uint64_t const rows = 100'000'000;
  ASSERT_TRUE(tensors.add({.name = "m", .dtype = "F32", .shape = {rows, 1}, .bytes = 4 * rows}).ok());
  ASSERT_TRUE(tensors.add({.name = "v", .dtype = "F32", .shape = {rows / 100}, .bytes = 4 * rows / 100}).ok());
  failure const why = tensors.slice("m").error();
  EXPECT_EQ(why.code, errc::invalid_argument);
  EXPECT_EQ(why.tensor, "m");
  EXPECT_EQ(why.what,
            "slices of 1 row would make 100000000 entries, and at most 1000000 are possible; 100 rows each would do");
  failure const both = tensors.slice("*", 2).error();
  EXPECT_EQ(both.what,
            "slices of 2 rows would make 50500000 entries, and at most 1000000 are possible; 102 rows each would do");
  EXPECT_EQ(value_or_throw(tensors.slice("*", 102)).size(), 990'197U);
  EXPECT_FALSE(tensors.slice("*", 101).ok());
}

TEST(catalog, refuses_tensors_whose_bytes_have_no_sum) {
  catalog tensors;
  tensors.add_file("f");
  std::uint64_t const limit = std::uint64_t{1} << 56U;
  ASSERT_TRUE(tensors.add({.name = "a", .dtype = "U8", .shape = {limit - 1}, .bytes = limit - 1}).ok());
  EXPECT_FALSE(tensors.add({.name = "b", .dtype = "U8", .shape = {2}, .bytes = 2}).ok());
  EXPECT_TRUE(tensors.add({.name = "c", .dtype = "U8", .shape = {1}, .bytes = 1}).ok());
}

TEST(catalog, takes_a_character_of_a_name_for_one_whatever_its_bytes) {
  catalog tensors;
  std::uint32_t const file = tensors.add_file("f");
  for (char const* const name : {"naïve.é", "naïve.10", "層.3", "x[3"})
    ASSERT_TRUE(tensors.add({.name = name, .dtype = "U8", .shape = {1}, .file = file, .offset = 0, .bytes = 1}).ok());
  EXPECT_EQ(tensors.match("na?ve.?"), (std::vector{tensor_id{0}}));
  EXPECT_EQ(tensors.match("[層座].*"), (std::vector{tensor_id{2}}));
  EXPECT_EQ(tensors.match("x[[]?"), (std::vector{tensor_id{3}}));
}

TEST(catalog, takes_the_name_of_a_slice_for_itself_before_it_is_a_glob) {
  catalog const blocks = value_or_throw(two_tables().slice("first", 5));
  EXPECT_EQ(blocks.match("first[5:10]"), (std::vector{tensor_id{1}}));
  EXPECT_EQ(blocks.match("first[[]*"), (std::vector{tensor_id{0}, tensor_id{1}}));
  catalog both;
  both.add_file("m");
  (void)both.add(tensor("a0", {1}, 4));
  (void)both.add(tensor("a[0]", {1}, 4));
  EXPECT_EQ(both.match("a[0]"), (std::vector{tensor_id{1}}));
}

}  // namespace
}  // namespace tierpager
