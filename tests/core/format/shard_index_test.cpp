#include <core/format/shard_index.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tierpager {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

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

struct bad_index {
  char const* row;
  std::string text;
  std::uint64_t byte;
  char const* what;
};

std::string mapped_to(std::string const& shard) { return R"({"weight_map":{"t":")" + shard + "\"}}"; }

std::vector<bad_index> bad_indexes() {
  std::string many = R"({"weight_map":{)";
  for (int i = 0; i <= 100000; ++i)
    many += (i == 0 ? "" : ",") + ("\"" + std::to_string(i) + "\":\"" + std::to_string(i) + "\"");
  return {
      {"I1", mapped_to("/etc/passwd"), 19, "plain file name"},
      {"I2", mapped_to(".."), 19, "plain file name"},
      {"I2", mapped_to("../m"), 19, "plain file name"},
      {"I3", mapped_to("a/b"), 19, "plain file name"},
      {"I3", mapped_to(R"(a\\b)"), 19, "plain file name"},
      {"I3", mapped_to(R"(a\u0000)"), 19, "plain file name"},
      {"I3", mapped_to(R"(\u002e\u002e\u002fm)"), 19, "plain file name"},
      {"I3", mapped_to(""), 19, "plain file name"},
      {"I3", mapped_to("."), 19, "plain file name"},
      {"I5", R"({"metadata":{}})", 15, "no weight_map"},
      {"I5", R"({"weight_map":[]})", 14, "not an object"},
      {"I5", R"({"weight_map":{"t":1}})", 19, "not a string"},
      {"I5", R"({"weight_map":{"t":{}}})", 19, "not a string"},
      {"I5", "[]", 0, "not a JSON object"},
      {"I5", "", 0, "cut off"},
      {"I10", many + "}}", 1577804, "more than 100000 shards"},
      {"I10", std::string(100000001, ' '), 100000000, "above 100000000 bytes"},
      {"I11", R"({"weight_map":{"a":"m","b":"m","\u0061":"n"}})", 31, "twice"},
      {"I11", R"({"weight_map":{},"weight_map":{}})", 17, "twice"},
      {"I11", R"({"metadata":{},"metadata":{},"weight_map":{}})", 15, "twice"},
      {"LFS", "version https://git-lfs.github.com/spec/v1\n", 0, "Git LFS pointer"},
  };
}

TEST(shard_index, refuses_what_is_malformed_with_what_and_byte) {
  for (bad_index const& bad : bad_indexes()) {
    auto const index = shard_index::parse(bad.text);
    std::string const where = std::string(bad.row) + " " + bad.text.substr(0, 80);
    ASSERT_FALSE(index.ok()) << where;
    EXPECT_EQ(index.error().code, errc::malformed_file) << where;
    EXPECT_EQ(index.error().byte, bad.byte) << where;
    EXPECT_THAT(index.error().what, HasSubstr(bad.what)) << where;
  }
}

}  // namespace
}  // namespace tierpager
