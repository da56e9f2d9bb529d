#include <core/slice_option.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tierpager {
namespace {

using testing::HasSubstr;

void expect(std::string_view text, std::string const& glob, std::uint64_t rows) {
  auto const asked = parse_slice(text);
  ASSERT_TRUE(asked.ok()) << text;
  EXPECT_EQ(asked->glob, glob) << text;
  EXPECT_EQ(asked->rows, rows) << text;
}

void expect_refusal(result<slice_option> const& asked, std::string const& words) {
  ASSERT_FALSE(asked.ok()) << words;
  EXPECT_EQ(asked.error().code, errc::invalid_argument);
  EXPECT_THAT(asked.error().what, HasSubstr(words));
}

catalog named(std::vector<std::string> const& names) {
  catalog tensors;
  tensors.add_file("m");
  for (std::string const& name : names) (void)tensors.add({.name = name, .dtype = "F32", .shape = {1}, .bytes = 4});
  return tensors;
}

TEST(slice_option, takes_only_digits_behind_the_last_colon_for_rows) {
  expect("token_embd.weight", "token_embd.weight", 1);
  expect("token_embd.weight:4096", "token_embd.weight", 4096);
  expect("embedding/kernel:0:12", "embedding/kernel:0", 12);
  expect("space:a*", "space:a*", 1);
  expect("bank[[]0:4]", "bank[[]0:4]", 1);
  expect("bank[0:4]:2", "bank[0:4]", 2);
  expect("*:0016", "*", 16);
  expect("*:18446744073709551615", "*", ~std::uint64_t{0});
}

TEST(slice_option, refuses_no_rows_too_many_and_no_name) {
  expect_refusal(parse_slice("kernel:0"), "slice 'kernel:0': a slice has at least 1 row");
  expect_refusal(parse_slice("kernel:0"), "'kernel:0:1'");
  expect_refusal(parse_slice("*:18446744073709551616"), "more than 2^64-1 rows");
  expect_refusal(parse_slice(""), "names no tensor");
  expect_refusal(parse_slice(":16"), "names no tensor");
}

TEST(slice_option, refuses_rows_that_are_no_number_unless_a_tensor_is_called_so) {
  catalog const tensors = named({"table", "space:many", "space"});
  for (std::string const wrong : {"many", "4k", "-1", "+4", " 4", "4096 ", ""})
    expect_refusal(parse_slice("table:" + wrong, tensors), "'" + wrong + "' is no number of rows");
  for (std::string const name : {"space:many", "space:m*", "other:many", "table:4"})
    EXPECT_TRUE(parse_slice(name, tensors).ok()) << name;
  expect_refusal(parse_slice("table:0", tensors), "at least 1 row");
}

}  // namespace
}  // namespace tierpager
