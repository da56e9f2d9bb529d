#include <core/format/shard_index.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tierpager {
namespace {

using ::testing::ElementsAre;

TEST(shard_index, finds_each_tensor_in_its_shard_and_sorts_the_shards) {
  auto const index = value_or_throw(shard_index::parse(
      R"({"metadata":{"total_size":12,"other":[{}]},"weight_map":{"c":"m-2","a":"m-1","b":"m-2"},"more":null})"));
  EXPECT_THAT(index.shards(), ElementsAre("m-1", "m-2"));
  ASSERT_EQ(index.size(), 3U);
  EXPECT_EQ(index.shard(index.find("a").value()), 0U);
  EXPECT_EQ(index.shard(index.find("b").value()), 1U);
  EXPECT_EQ(index.shard(index.find("c").value()), 1U);
  EXPECT_EQ(index.name(index.find("b").value()), "b");
  EXPECT_EQ(index.byte(index.find("c").value()), 57U);
  EXPECT_EQ(index.find("d"), std::nullopt);
}

}  // namespace
}  // namespace tierpager
