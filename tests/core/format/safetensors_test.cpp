#include <core/format/safetensors.hpp>

#include <gtest/gtest.h>

#include "format_bytes.hpp"

namespace tierpager {
namespace {

using testing::safetensors_file;

std::string const good = R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[2],"data_offsets":[5,13]},)"
                         R"("a":{"dtype":"U8","shape":[5],"data_offsets":[0,5]}})";

failure why_not(std::string const& bytes) {
  auto const answer = read_safetensors(testing::bytes_of(bytes), bytes.size(), trailing_bytes::refuse);
  if (answer.ok()) return {.code = errc::cancelled, .what = "was read"};
  return answer.error();
}

safetensors_header header_of(std::string const& bytes, trailing_bytes trailing = trailing_bytes::refuse) {
  auto answer = value_or_throw(read_safetensors(testing::bytes_of(bytes), bytes.size(), trailing));
  return std::get<safetensors_header>(std::move(answer));
}

std::vector<tensor_info> tensors_of(std::string const& bytes, trailing_bytes trailing = trailing_bytes::refuse) {
  return header_of(bytes, trailing).tensors;
}

TEST(safetensors, keeps_the_strings_of_its_metadata_and_the_last_of_a_key_that_is_there_twice) {
  key_values const metadata =
      header_of(safetensors_file(R"({"__metadata__":{"format":"np","a":"\u00e9","format":"pt"}})", 0)).metadata;
  ASSERT_EQ(metadata.size(), 2U);
  EXPECT_EQ(metadata.get<std::string>("format"), "pt");
  EXPECT_EQ(metadata.get<std::string>("a"), "\xc3\xa9");
  EXPECT_EQ(header_of(safetensors_file(R"({"__metadata__":null})", 0)).metadata.size(), 0U);
}

TEST(safetensors, reads_tensors_by_offset_with_an_unaligned_begin) {
  auto const tensors = tensors_of(safetensors_file(good, 13));
  ASSERT_EQ(tensors.size(), 2U);
  EXPECT_EQ(tensors[0].name, "a");
  EXPECT_EQ(tensors[0].dtype, "U8");
  EXPECT_EQ(tensors[0].offset, 8 + good.size());
  EXPECT_EQ(tensors[1].name, "b");
  EXPECT_EQ(tensors[1].shape, (std::vector<std::uint64_t>{2}));
  EXPECT_EQ(tensors[1].order, dimension_order::outermost_first);
  EXPECT_EQ(tensors[1].offset, 8 + good.size() + 5);
  EXPECT_EQ(tensors[1].bytes, 8U);
}

TEST(safetensors, accepts_what_the_format_allows) {
  EXPECT_TRUE(tensors_of(safetensors_file("{}", 0)).empty());
  EXPECT_EQ(tensors_of(safetensors_file(" \n" + good + "   \t", 13)).size(), 2U);
  auto const odd = tensors_of(safetensors_file(
      R"({"scalar":{"dtype":"BF16","shape":[],"data_offsets":[0,2]},"none":{"dtype":"F32","shape":[0,9],"data_offsets":[2,2]},)"
      R"("four":{"shape":[3,2],"new":{"x":[1.5,null]},"data_offsets":[2,5],"dtype":"F4"}})",
      5));
  ASSERT_EQ(odd.size(), 3U);
  EXPECT_EQ(odd[0].bytes, 2U);
  EXPECT_EQ(odd[1].name, "none");
  EXPECT_EQ(odd[2].bytes, 3U);
}

TEST(safetensors, accepts_trailing_bytes_only_where_told_to) {
  std::string const bytes = safetensors_file(good, 17);
  EXPECT_EQ(why_not(bytes).byte, 8 + good.size() + 13);
  EXPECT_EQ(tensors_of(bytes, trailing_bytes::allow).size(), 2U);
}

TEST(safetensors, asks_for_its_whole_header) {
  std::string const bytes = safetensors_file(good, 13);
  for (std::size_t length = 0; length < 8 + good.size(); ++length) {
    auto const answer =
        value_or_throw(read_safetensors(testing::bytes_of(bytes).first(length), bytes.size(), trailing_bytes::refuse));
    EXPECT_EQ(std::get<more_needed>(answer).bytes, length < 8 ? 8 : 8 + good.size()) << length;
  }
}

}  // namespace
}  // namespace tierpager
