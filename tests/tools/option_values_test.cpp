#include <tools/option_values.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tierpager::tools {
namespace {

using testing::HasSubstr;

constexpr number_range rates{1e-9, 1e9, "GB/s"};

TEST(option_values, count_in_decimal) {
  EXPECT_EQ(*parse_count("1", 1, 9), 1U);
  EXPECT_EQ(*parse_count("0010", 1, 99), 10U);
  for (std::string const wrong :
       {"", "0", "100", "-1", "+1", " 1", "1 ", "0x10", "1e1", "1.0", "many", "4294967297", "99999999999999999999"}) {
    auto const parsed = parse_count(wrong, 1, 99);
    ASSERT_FALSE(parsed.ok()) << wrong;
    EXPECT_THAT(parsed.error().what, HasSubstr("'" + wrong + "' is no whole number from 1 to 99"));
  }
}

TEST(option_values, measure_in_decimal) {
  EXPECT_EQ(*parse_number("25", rates), 25);
  EXPECT_EQ(*parse_number("007.50", rates), 7.5);
  EXPECT_EQ(*parse_number(".5", rates), 0.5);
  EXPECT_EQ(*parse_number("1e-9", rates), 1e-9);
  for (std::string const wrong : {"", "0", "-1", "+1", "nan", "NaN", "inf", "infinity", "-inf", "0x1p3", "1e999",
                                  "1e-999", "2e9", "25GB/s", "25 ", "1,5", "1_000", "."}) {
    auto const parsed = parse_number(wrong, rates);
    ASSERT_FALSE(parsed.ok()) << wrong;
    EXPECT_THAT(parsed.error().what, HasSubstr("'" + wrong + "' is no number of GB/s from 1e-09 to 1e+09"));
  }
}

TEST(option_values, number_a_gpu) {
  EXPECT_EQ(parse_device("cuda:007")->ordinal, 7);
  EXPECT_EQ(parse_device("cuda")->ordinal, 0);
  EXPECT_EQ(parse_device("host")->kind, device_kind::host);
  for (std::string const wrong : {"", "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:+1", "cuda:1x", "cuda:4294967296",
                                  "cuda:99999999999999999999", "cuda:nan", "CUDA"})
    EXPECT_FALSE(parse_device(wrong).ok()) << wrong;
}

TEST(option_values, name_a_file_to_write) {
  EXPECT_EQ(why_no_output("--json", "-"), "");
  EXPECT_EQ(why_no_output("--trace", "./-"), "");
  EXPECT_THAT(why_no_output("--trace", "-"), HasSubstr("./-"));
  EXPECT_THAT(why_no_output("--json", ""), HasSubstr("empty"));
}

}  // namespace
}  // namespace tierpager::tools
