#include <core/format/manifest.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tierpager {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(manifest, lists_tensors_by_file_and_offset_and_takes_unknown_dtypes_at_their_word) {
  auto const read = value_or_throw(read_manifest(
      R"({"made by":"hand","tensors":[
          {"name":"b","file":"z.bin","offset":64,"bytes":16,"dtype":"F32","shape":[2,2]},
          {"name":"c","file":"a.bin","offset":0,"bytes":3,"dtype":"trits","shape":[16],"note":{"x":[]}},
          {"shape":[],"dtype":"BF16","bytes":2,"offset":7,"file":"z.bin","name":"a"}]})"));
  EXPECT_THAT(read.files, ElementsAre("z.bin", "a.bin"));
  ASSERT_EQ(read.tensors.size(), 3U);
  EXPECT_EQ(read.tensors[0].name, "a");
  EXPECT_EQ(read.tensors[0].offset, 7U);
  EXPECT_EQ(read.tensors[1].name, "b");
  EXPECT_EQ(read.tensors[1].shape, (std::vector<std::uint64_t>{2, 2}));
  EXPECT_EQ(read.tensors[1].order, dimension_order::outermost_first);
  EXPECT_EQ(read.tensors[2].file, 1U);
  EXPECT_EQ(read.tensors[2].dtype, "trits");
  EXPECT_EQ(read.tensors[2].bytes, 3U);
}

std::string entry(std::string const& name, std::string const& file, std::string const& rest) {
  return R"({"name":")" + name + R"(","file":")" + file + R"(",)" + rest + "}";
}

std::string one(std::string const& file, std::string const& rest) {
  return R"({"tensors":[)" + entry("t", file, rest) + "]}";
}

TEST(manifest, refuses_what_is_malformed_with_what_tensor_and_byte) {
  std::string const fine = R"("offset":0,"bytes":4,"dtype":"F32","shape":[1])";
  struct bad_manifest {
    std::string text;
    std::uint64_t byte;
    char const* what;
    char const* tensor = "t";
  };
  std::uint64_t const file_at = 12 + 12 + 7;
  std::uint64_t const rest_at = file_at + 4;
  for (bad_manifest const& bad : std::vector<bad_manifest>{
           {one("/m", fine), file_at, "plain file name"},
           {one("..", fine), file_at, "plain file name"},
           {one("a/b", fine), file_at, "plain file name"},
           {one("a\\\\b", fine), file_at, "plain file name"},
           {one("", fine), file_at, "plain file name"},
           {one("m", R"("offset":18446744073709551613,"bytes":4,"dtype":"F32","shape":[1])"), rest_at + 9,
            "2^64 bytes"},
           {one("m", R"("offset":0,"bytes":5,"dtype":"F32","shape":[1])"), rest_at + 19, "do not agree"},
           {one("m", R"("offset":0,"bytes":0,"dtype":"F32","shape":[4294967296,4294967296])"), rest_at + 43,
            "2^64 elements"},
           {one("m", R"("offset":0,"bytes":18,"dtype":"Q4_0","shape":[33])"), rest_at + 19, "do not agree"},
           {one("m", R"("offset":-1,"bytes":4,"dtype":"F32","shape":[1])"), rest_at + 9, "'offset' of the wrong kind"},
           {one("m", R"("offset":0,"bytes":4.0,"dtype":"F32","shape":[1])"), rest_at + 19, "'bytes' of the wrong kind"},
           {one("m", R"("offset":0,"bytes":4,"dtype":7,"shape":[1])"), rest_at + 29, "'dtype' of the wrong kind"},
           {one("m", R"("offset":0,"bytes":4,"dtype":"F32","shape":[-1])"), rest_at + 44, "not an integer"},
           {one("m", R"("offset":0,"bytes":4,"dtype":"F32")"), 12, "no 'shape'"},
           {one("m", R"("offset":0,"offset":0)"), rest_at + 11, "field twice"},
           {R"({"tensors":[)" + entry("t", "m", fine) + "," + entry("t", "m", fine) + "]}", 91, "is there twice"},
           {R"({"tensors":{}})", 11, "not an array", ""},
           {R"({"tensors":[5]})", 12, "not an object", ""},
           {R"({"tensors":[],"tensors":[]})", 14, "twice", ""},
           {R"({"weight_map":{}})", 17, "no raw manifest", ""},
           {"[]", 0, "not a JSON object", ""},
       }) {
    auto const read = read_manifest(bad.text);
    ASSERT_FALSE(read.ok()) << bad.text;
    EXPECT_EQ(read.error().code, errc::malformed_file) << bad.text;
    EXPECT_EQ(read.error().byte, bad.byte) << bad.text;
    EXPECT_EQ(read.error().tensor, bad.tensor) << bad.text;
    EXPECT_THAT(read.error().what, HasSubstr(bad.what)) << bad.text;
  }
}

}  // namespace
}  // namespace tierpager
