#include <core/format/config.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tierpager {
namespace {

using ::testing::ElementsAre;

TEST(config, has_its_members_by_name_and_those_of_others_by_path) {
  key_values const values = read_config(
      R"({"hidden_size":4096,"tie":true,"none":null,"shift":-3,"act":"silu","rope":{"factor":8.0,"deep":{"x":"y"}},)"
      R"("architectures":["A","B"],"last":1})");
  EXPECT_EQ(values.get<std::uint32_t>("hidden_size"), 4096U);
  EXPECT_TRUE(values.get<bool>("tie"));
  EXPECT_EQ(values.find("none")->type(), metadata_type::null);
  EXPECT_EQ(values.get<int>("shift"), -3);
  EXPECT_EQ(values.get<std::string>("act"), "silu");
  EXPECT_EQ(values.get<float>("rope.factor"), 8);
  EXPECT_EQ(values.get<std::string>("rope.deep.x"), "y");
  EXPECT_THAT(values.get<std::vector<std::string>>("architectures"), ElementsAre("A", "B"));
  EXPECT_EQ(values.get<int>("last"), 1);
  EXPECT_EQ(values.size(), 9U);
}

TEST(config, has_arrays_of_one_type_and_by_element_where_they_hold_others) {
  key_values const values = read_config(
      R"({"n":[1,2],"signed":[1,-2,3],"real":[1,-1,0.5,2],"huge":[-1,18446744073709551615],"flags":[true,false],)"
      R"("pairs":[[384,768],[768]],"objects":[{"a":1},{"b":[2]}],"mixed":[1,"a"],"nulls":[null],"half":[1,[2]],"empty":[],"z":1})");
  EXPECT_EQ(values.find("n")->element_type(), metadata_type::uint64);
  EXPECT_THAT(values.get<std::vector<int>>("signed"), ElementsAre(1, -2, 3));
  EXPECT_EQ(values.find("signed")->element_type(), metadata_type::int64);
  EXPECT_THAT(values.get<std::vector<double>>("real"), ElementsAre(1, -1, 0.5, 2));
  EXPECT_THAT(values.get<std::vector<double>>("huge"), ElementsAre(-1, 18446744073709551616.0));
  EXPECT_THAT(values.get<std::vector<bool>>("flags"), ElementsAre(true, false));
  EXPECT_THAT(values.get<std::vector<int>>("pairs.0"), ElementsAre(384, 768));
  EXPECT_THAT(values.get<std::vector<int>>("pairs.1"), ElementsAre(768));
  EXPECT_EQ(values.get<int>("objects.0.a"), 1);
  EXPECT_THAT(values.get<std::vector<int>>("objects.1.b"), ElementsAre(2));
  for (char const* const key : {"mixed", "nulls", "half"})
    EXPECT_EQ(values.find(key)->type(), metadata_type::null) << key;
  EXPECT_TRUE(values.get<std::vector<std::string>>("empty").empty());
  EXPECT_EQ(values.get<int>("z"), 1);
}

TEST(config, is_empty_where_it_is_no_strict_json_or_would_grow) {
  for (std::string const& text : {std::string(), std::string("[1]"), std::string("7"), std::string(R"({"a":Infinity})"),
                                  std::string(R"({"a":1)"), std::string(1000, '[')})
    EXPECT_EQ(read_config(text).size(), 0U) << text.substr(0, 20);
  // The long name is repeated for each of its members.
  std::string text = "{\"" + std::string(10'000, 'n') + "\":{\"x\":1";
  for (int i = 0; i < 1000; ++i) text += ",\"" + std::to_string(i) + "\":1";
  EXPECT_EQ(read_config(text + "}}").size(), 0U);
}

}  // namespace
}  // namespace tierpager
