#include <tierpager/key_values.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <functional>
#include <limits>

#include <core/format/key_values_builder.hpp>
#include <tierpager/metadata.hpp>

namespace tierpager {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string number(std::uint64_t value) {
  std::string encoded;
  append_number(encoded, value);
  return encoded;
}

std::string words(std::vector<std::string> const& all) {
  std::string encoded;
  for (std::string const& each : all) append_text(encoded, each);
  return encoded;
}

key_values of(metadata_type type, std::string const& encoded) {
  key_values_builder builder;
  builder.add("k", type, encoded);
  return std::move(builder).finish();
}

key_values of_real(double value) { return of(metadata_type::float64, number(std::bit_cast<std::uint64_t>(value))); }

failure why_not(std::function<void()> const& get) {
  try {
    get();
  } catch (error const& thrown) {
    return thrown.details();
  }
  return {.code = errc::cancelled, .what = "was given"};
}

TEST(key_values, become_any_integer_that_holds_them) {
  key_values const values = of(metadata_type::uint32, number(300));
  EXPECT_EQ(values.get<std::uint32_t>("k"), 300U);
  EXPECT_EQ(values.get<std::int16_t>("k"), 300);
  EXPECT_EQ(values.get<unsigned long long>("k"), 300U);
  EXPECT_EQ(values.get<double>("k"), 300);
  EXPECT_EQ(why_not([&] { (void)values.get<std::uint8_t>("k"); }).code, errc::invalid_argument);
  key_values const negative = of(metadata_type::int8, number(0xfe));
  EXPECT_EQ(negative.get<std::int64_t>("k"), -2);
  EXPECT_EQ(negative.get<float>("k"), -2);
  EXPECT_EQ(why_not([&] { (void)negative.get<std::uint64_t>("k"); }).code, errc::invalid_argument);
  key_values const largest = of(metadata_type::uint64, number(~std::uint64_t{0}));
  EXPECT_EQ(largest.get<std::uint64_t>("k"), ~std::uint64_t{0});
  EXPECT_EQ(why_not([&] { (void)largest.get<std::int64_t>("k"); }).code, errc::invalid_argument);
  EXPECT_EQ(why_not([&] { (void)largest.get<double>("k"); }).code, errc::invalid_argument);
  EXPECT_EQ(of(metadata_type::uint64, number(std::uint64_t{1} << 63U)).get<double>("k"), std::ldexp(1, 63));
  EXPECT_EQ(of(metadata_type::int64, number(std::uint64_t{1} << 63U)).get<double>("k"), -std::ldexp(1, 63));
}

TEST(key_values, become_no_type_that_they_are_not) {
  EXPECT_EQ(of_real(0.1).get<double>("k"), 0.1);
  EXPECT_EQ(of_real(0.1).get<float>("k"), 0.1F);
  EXPECT_TRUE(std::isinf(of_real(-INFINITY).get<float>("k")));
  EXPECT_TRUE(std::isnan(of_real(NAN).get<float>("k")));
  EXPECT_THAT(why_not([] { (void)of_real(1e300).get<float>("k"); }).what, HasSubstr("no float32"));
  EXPECT_THAT(why_not([] { (void)of_real(1).get<int>("k"); }).what, HasSubstr("of type float64, which is no int32"));
  EXPECT_THAT(why_not([] { (void)of(metadata_type::boolean, "\1").get<int>("k"); }).what, HasSubstr("boolean"));
  EXPECT_THAT(why_not([] { (void)of(metadata_type::uint8, "\1").get<bool>("k"); }).what, HasSubstr("is 1"));
  EXPECT_THAT(why_not([] { (void)of(metadata_type::string, words({"1"})).get<int>("k"); }).what, HasSubstr("string"));
  EXPECT_THAT(why_not([] { (void)of(metadata_type::null, "").get<std::string>("k"); }).what, HasSubstr("null"));
  EXPECT_TRUE(of(metadata_type::boolean, "\1").get<bool>("k"));
  EXPECT_EQ(of(metadata_type::string, words({"a\xff"})).get<std::string_view>("k"), "a\xff");
}

TEST(key_values, hold_arrays_that_become_vectors) {
  key_values_builder builder;
  builder.add_array("text", metadata_type::string, 3, words({"a", "", "bc"}));
  builder.add_array("numbers", metadata_type::uint16, 2, std::string("\1\0\xff\xff", 4));
  builder.add_array("none", metadata_type::null, 0, "");
  key_values const values = std::move(builder).finish();
  EXPECT_THAT(values.get<std::vector<std::string>>("text"), ElementsAre("a", "", "bc"));
  EXPECT_THAT(values.get<std::vector<int>>("numbers"), ElementsAre(1, 65535));
  EXPECT_THAT(why_not([&] { (void)values.get<std::vector<std::int16_t>>("numbers"); }).what,
              HasSubstr("array of 2 uint16, which is no array of int16"));
  EXPECT_EQ(why_not([&] { (void)values.get<int>("numbers"); }).code, errc::invalid_argument);
  EXPECT_EQ(why_not([&] { (void)of_real(1).get<std::vector<double>>("k"); }).code, errc::invalid_argument);
  EXPECT_TRUE(values.get<std::vector<double>>("none").empty());
  EXPECT_TRUE(values.get<std::vector<std::string>>("none").empty());
  EXPECT_EQ(values.find("text")->size(), 3U);
  EXPECT_EQ(values.find("text")->element_type(), metadata_type::string);
}

TEST(key_values, tell_a_missing_key_from_a_wrong_type) {
  metadata const of_file{.format = "gguf", .values = of(metadata_type::uint32, number(7))};
  failure const why = why_not([&] { (void)of_file.get<int>("n"); });
  EXPECT_EQ(why.code, errc::unknown_key);
  EXPECT_THAT(why.what, HasSubstr("'n'"));
  EXPECT_EQ(of_file.get_or<int>("n", 3), 3);
  EXPECT_EQ(of_file.get_or<int>("k", 3), 7);
  EXPECT_EQ(why_not([&] { (void)of_file.get_or<bool>("k", true); }).code, errc::invalid_argument);
  EXPECT_FALSE(of_file.find("n"));
  EXPECT_FALSE(of_file.contains(""));
}

TEST(key_values, keep_the_order_of_the_file_and_the_last_of_what_is_there_twice) {
  key_values_builder builder;
  for (std::string const key : {"b", "a", "c", "a", "b", "a"})
    builder.add(key, metadata_type::uint8, std::string(1, static_cast<char>(builder.bytes())));
  key_values const values = std::move(builder).finish();
  ASSERT_EQ(values.size(), 3U);
  EXPECT_EQ(values[0].key, "b");
  EXPECT_EQ(values[1].key, "a");
  EXPECT_EQ(values[2].key, "c");
  EXPECT_EQ(values.get<int>("b"), 8);
  EXPECT_EQ(values.get<int>("a"), 10);
  EXPECT_EQ(values[1].value.as<int>(), 10);
  EXPECT_THROW((void)values[3], std::out_of_range);
}

}  // namespace
}  // namespace tierpager
