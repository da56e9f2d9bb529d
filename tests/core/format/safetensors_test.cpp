#include <core/format/safetensors.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "format_bytes.hpp"

namespace tierpager {
namespace {

using ::testing::HasSubstr;
using testing::safetensors_file;
using testing::u64;

std::string const good = R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[2],"data_offsets":[5,13]},)"
                         R"("a":{"dtype":"U8","shape":[5],"data_offsets":[0,5]}})";

failure why_not(std::string const& bytes) {
  auto const answer = read_safetensors(testing::bytes_of(bytes), bytes.size(), trailing_bytes::refuse);
  if (answer.ok()) return {.code = errc::cancelled, .what = "was read"};
  return answer.error();
}

std::vector<tensor_info> tensors_of(std::string const& bytes, trailing_bytes trailing = trailing_bytes::refuse) {
  auto answer = value_or_throw(read_safetensors(testing::bytes_of(bytes), bytes.size(), trailing));
  return std::get<std::vector<tensor_info>>(std::move(answer));
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

TEST(safetensors, refuses_a_file_cut_at_any_byte) {
  std::string const bytes = safetensors_file(good, 13);
  for (std::size_t length = 0; length < bytes.size(); ++length)
    ASSERT_EQ(why_not(bytes.substr(0, length)).code, errc::malformed_file) << length;
}

struct bad_file {
  char const* row;
  std::string bytes;
  std::uint64_t byte;
  char const* what;
  char const* tensor = "";
};

void PrintTo(bad_file const& file, std::ostream* out) { *out << file.row << " " << file.what; }

std::string entry(std::string const& name, std::string const& dtype, std::string const& shape,
                  std::string const& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}";
}

std::string one(std::string const& dtype, std::string const& shape, std::string const& offsets,
                std::uint64_t data_bytes = 4) {
  return safetensors_file("{" + entry("t", dtype, shape, offsets) + "}", data_bytes);
}

std::vector<bad_file> bad_headers() {
  std::string const bomb(1000000, '[');
  return {
      {"S1", "", 0, "shorter than the 8 bytes"},
      {"S1", "1234567", 7, "shorter than the 8 bytes"},
      {"S2", u64(100000001) + "{}", 0, "above 100000000"},
      {"S3", u64(3) + "{}", 0, "above the file's own"},
      {"S3", u64(~0ULL) + "{}", 0, "above"},
      {"S3", u64(~0ULL - 7) + "{}", 0, "above"},
      {"S4", safetensors_file("{\"a\xff\":{}}", 0), 11, "not UTF-8"},
      {"S5", safetensors_file("", 0), 8, "cut off"},
      {"S5", safetensors_file("{\"a\":", 0), 13, "cut off"},
      {"S5", safetensors_file("{} {}", 0), 11, "not JSON"},
      {"S5", safetensors_file("[]", 0), 8, "not a JSON object"},
      {"S5", safetensors_file("17", 0), 8, "not a JSON object"},
      {"S5", safetensors_file("\xef\xbb\xbf{}", 0), 8, "byte order mark"},
      {"S6", safetensors_file(bomb, 0), 8, "not a JSON object"},
      {"S6", safetensors_file(R"({"t":{"x":)" + bomb, 0), 8 + 10 + 14, "nested too deep"},
      {"S7",
       safetensors_file("{" + entry("a", "U8", "[1]", "[0,1]") + "," + entry("\\u0061", "U8", "[1]", "[1,2]") + "}", 2),
       61, "twice", "a"},
      {"S7", safetensors_file(R"({"t":{"dtype":"U8","dtype":"U8"}})", 0), 27, "field twice", "t"},
      {"S19", safetensors_file(R"({"__metadata__":{"k":1}})", 0), 29, "not a string"},
      {"S19", safetensors_file(R"({"__metadata__":{"k":{}}})", 0), 29, "not a string"},
      {"S19", safetensors_file(R"({"__metadata__":[]})", 0), 24, "not an object"},
      {"S19", safetensors_file(R"({"__metadata__":{},"__metadata__":{}})", 0), 27, "twice"},
      {"S21", safetensors_file(R"({"\ud800":{}})", 0), 16, "not JSON"},
      {"S21", safetensors_file(R"({"a\u0000b":{}})", 0), 9, "NUL"},
      {"S21", safetensors_file(std::string("{}\0\0", 4), 0), 10, "NUL"},
      {"S21", safetensors_file(R"({"t":{"shape":[NaN]}})", 0), 23, "not JSON"},
      {"S21", safetensors_file(R"({"t":{"shape":[Infinity]}})", 0), 23, "not JSON"},
      {"LFS", "version https://git-lfs.github.com/spec/v1\n", 0, "Git LFS pointer"},
  };
}

std::vector<bad_file> bad_entries() {
  std::uint64_t const shape_at = 8 + 13 + 5 + 9;  // behind {"t":{"dtype":"U8","shape":
  std::uint64_t const first_at = shape_at + 1;
  std::uint64_t const offsets_at = shape_at + 3 + 16;  // for a shape of three characters
  std::string rank;
  for (int i = 0; i < 65; ++i) rank += i == 0 ? "1" : ",1";
  return {
      {"S8", one("F9", "[4]", "[0,4]"), 22, "unknown dtype", "t"},
      {"S8", one("f32", "[4]", "[0,4]"), 22, "unknown dtype", "t"},
      {"S9", one("U8", "[-4]", "[0,4]"), first_at, "not an integer", "t"},
      {"S9", one("U8", "[-0]", "[0,0]"), first_at, "not an integer", "t"},
      {"S9", one("U8", "[4.0]", "[0,4]"), first_at, "not an integer", "t"},
      {"S9", one("U8", "[4e0]", "[0,4]"), first_at, "not an integer", "t"},
      {"S9", one("U8", "[18446744073709551616]", "[0,4]"), first_at, "not an integer", "t"},
      {"S9", one("U8", "[[4]]", "[0,4]"), first_at, "not an integer", "t"},
      {"S9", one("U8", "\"4\"", "[0,4]"), shape_at, "not an array", "t"},
      {"S9", one("U8", "[" + rank + "]", "[0,1]"), first_at + 128, "more than 64 dimensions", "t"},
      {"S10", one("U8", "[4294967296,4294967296]", "[0,0]"), shape_at, "2^64 elements", "t"},
      {"S10", one("U8", "[0,4294967296,4294967296]", "[0,0]"), shape_at, "2^64 elements", "t"},
      {"S10", one("I64", "[2305843009213693952]", "[0,0]"), shape_at + 1, "2^64 bytes", "t"},
      {"S11", one("F4", "[3]", "[0,2]"), shape_at, "whole bytes", "t"},
      {"S12", safetensors_file(R"({"t":{"dtype":"U8","shape":[4]}})", 4), 9, "no data_offsets", "t"},
      {"S12", safetensors_file(R"({"t":{"dtype":"U8","data_offsets":[0,4]}})", 4), 9, "no shape", "t"},
      {"S12", safetensors_file(R"({"t":{}})", 4), 9, "no dtype", "t"},
      {"S12", safetensors_file(R"({"t":5})", 4), 13, "not described by an object", "t"},
      {"S12", one("U8", "[4]", "[4]"), offsets_at, "not a pair", "t"},
      {"S12", one("U8", "[4]", "[0,4,4]"), offsets_at, "not a pair", "t"},
      {"S12", one("U8", "[4]", "[-4,0]"), offsets_at + 1, "not an integer", "t"},
      {"S12", one("U8", "[4]", "[4,0]"), offsets_at, "reversed", "t"},
      {"S13", one("U8", "[3]", "[0,4]"), offsets_at, "do not span", "t"},
      {"S13", one("U8", "[0]", "[0,4]"), offsets_at, "do not span", "t"},
      {"S14", one("U8", "[9]", "[0,9]"), 9, "past the end", "t"},
      {"S14", one("U8", "[4]", "[18446744073709551611,18446744073709551615]"), 9, "past the end", "t"},
      {"S15",
       safetensors_file("{" + entry("a", "U8", "[3]", "[0,3]") + "," + entry("b", "U8", "[2]", "[2,4]") + "}", 4), 61,
       "overlaps", "b"},
      {"S16",
       safetensors_file("{" + entry("a", "U8", "[2]", "[0,2]") + "," + entry("b", "U8", "[1]", "[3,4]") + "}", 4), 61,
       "hole", "b"},
      {"S16", one("U8", "[3]", "[1,4]"), 9, "hole", "t"},
      {"S18", one("U8", "[4]", "[0,4]", 3), 9, "past the end", "t"},
  };
}

class malformed_safetensors : public ::testing::TestWithParam<bad_file> {};

TEST_P(malformed_safetensors, is_refused_with_what_tensor_and_byte) {
  failure const why = why_not(GetParam().bytes);
  EXPECT_EQ(why.code, errc::malformed_file);
  EXPECT_THAT(why.what, HasSubstr(GetParam().what));
  EXPECT_EQ(why.byte, GetParam().byte);
  EXPECT_EQ(why.tensor, GetParam().tensor);
}

INSTANTIATE_TEST_SUITE_P(header, malformed_safetensors, ::testing::ValuesIn(bad_headers()));
INSTANTIATE_TEST_SUITE_P(entry, malformed_safetensors, ::testing::ValuesIn(bad_entries()));

}  // namespace
}  // namespace tierpager
