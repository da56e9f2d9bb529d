#include <core/format/manifest.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tierpager {
namespace {

using ::testing::ElementsAre;

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

}  // namespace
}  // namespace tierpager
