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

}  // namespace
}  // namespace tierpager
