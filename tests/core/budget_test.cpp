#include <tierpager/budget.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace tierpager {
namespace {

constexpr std::uint64_t kib = 1024;

TEST(budget, reads_sizes_exactly) {
  struct row {
    char const* text;
    std::uint64_t bytes;
  };
  for (row const& each : std::vector<row>{
           {"0", 0},
           {"4096", 4096},
           {"007", 7},
           {"18446744073709551615", 18446744073709551615U},
           {"9007199254740993", 9007199254740993U},  // 2^53 + 1: no double holds it
           {"1KiB", kib},
           {"512MiB", 512 * kib * kib},
           {"6GiB", 6 * kib * kib * kib},
           {"1TiB", kib * kib * kib * kib},
           {"16777215TiB", 16777215 * kib * kib * kib * kib},
           {"6KB", 6'000},
           {"6MB", 6'000'000},
           {"6GB", 6'000'000'000},
           {"18446744TB", 18'446'744'000'000'000'000U},
           {"6gb", 6'000'000'000},
           {"1gIb", kib * kib * kib},
           {"1.5GiB", 3 * kib * kib * kib / 2},
           {"0.1KB", 100},
           {"0.29KB", 290},
           {"0.3KiB", 307},
           {"1.000000000000000001TB", 1'000'000'000'000},
           {"0.000000000001TB", 1},
           {"6 GB", 6'000'000'000},
           {" 6\tGiB ", 6 * kib * kib * kib},
           {"06GiB", 6 * kib * kib * kib},
           {"00000000000000000000000000000006 KiB", 6 * kib},
           {"1.5 tib", 3 * kib * kib * kib * kib / 2},
           {"12B", 12},
           {" 12 ", 12},
       }) {
    auto const read = budget::parse(each.text);
    ASSERT_TRUE(read.ok()) << each.text << ": " << read.error().describe();
    EXPECT_EQ(read->what(), budget::kind::bytes) << each.text;
    EXPECT_EQ(read->bytes_of(1), each.bytes) << each.text;
  }
}

TEST(budget, takes_percent_of_the_model_rounded_down) {
  struct row {
    char const* text;
    std::uint64_t model_bytes, bytes;
  };
  for (row const& each : std::vector<row>{
           {"40%", 10, 4},
           {"29%", 100, 29},
           {"33%", 10, 3},
           {"100%", unlimited_bytes, unlimited_bytes},
           {"50%", unlimited_bytes, unlimited_bytes / 2},
           {"0.5%", 1000, 5},
           {"12.5%", 1000, 125},
           {"0.000000001%", 100'000'000'000, 1},
           {"150%", 100, 150},
           {"200%", unlimited_bytes, unlimited_bytes},
           {"40%", 0, 0},
       }) {
    budget const read = each.text;
    EXPECT_EQ(read.what(), budget::kind::percent) << each.text;
    EXPECT_EQ(read.bytes_of(each.model_bytes), each.bytes) << each.text << " of " << each.model_bytes;
  }
}

TEST(budget, knows_its_words) {
  EXPECT_EQ(budget("auto").what(), budget::kind::automatic);
  EXPECT_EQ(budget("Unlimited").what(), budget::kind::unlimited);
  EXPECT_EQ(budget("unlimited").bytes_of(7), unlimited_bytes);
  EXPECT_EQ(budget("none").what(), budget::kind::none);
  EXPECT_EQ(budget("none").bytes_of(7), 0U);
}

TEST(budget, refuses_what_is_no_size_and_names_it) {
  for (char const* text : {"",
                           " ",
                           "12Q",
                           "-1",
                           "+1",
                           "-5%",
                           "0%",
                           "0.0000000001%",
                           "nan%",
                           "inf",
                           "1e9",
                           "0x10",
                           ".5GiB",
                           "5.GiB",
                           "1.5",
                           "1.2.3GiB",
                           "%",
                           "MiB",
                           "12iB",
                           "12K",
                           "1.5B",
                           "6G",
                           "6 g",
                           "1.5 T",
                           "NaN",
                           "1 2",
                           "6 Gi B",
                           "6\nGiB",
                           "4 % %",
                           "4MiB%",
                           "18446744073709551616",
                           "16777216TiB",
                           "18446745TB",
                           "99999999999999999999%",
                           "18446744074%",
                           "1.0000000000000000001GiB",
                           "automatic",
                           "no"}) {
    auto const read = budget::parse(text);
    ASSERT_FALSE(read.ok()) << text;
    EXPECT_EQ(read.error().code, errc::invalid_argument) << text;
    EXPECT_THAT(read.error().what, testing::StartsWith("budget '" + std::string(text) + "': ")) << text;
  }
}

TEST(budget, names_the_units_it_knows) {
  std::string const units = "; units are KiB, MiB, GiB, TiB (of 1024), KB, MB, GB, TB (of 1000) and %";
  EXPECT_EQ(budget::parse("12Q").error().what, "budget '12Q': unknown unit 'Q'" + units);
  EXPECT_EQ(budget::parse("6 G ").error().what, "budget '6 G ': ambiguous unit 'G'" + units);
  EXPECT_EQ(budget::parse("1.5").error().what, "budget '1.5': bytes have no decimals" + units);
  EXPECT_THAT(budget::parse("six").error().what, testing::EndsWith(units));
}

TEST(budget, throws_what_does_not_parse_from_any_kind_of_text) {
  EXPECT_THROW(budget("12Q"), error);
  EXPECT_THROW(budget(std::string("12Q")), error);
  EXPECT_THROW(budget(std::string_view("12Q")), error);
  char const* const no_text = nullptr;
  EXPECT_THROW(budget{no_text}, error);
}

TEST(budget, is_made_of_bytes_and_of_percent) {
  EXPECT_EQ(budget(8_GiB).what(), budget::kind::bytes);
  EXPECT_EQ(budget(8_GiB).bytes_of(9), 8 * kib * kib * kib);
  EXPECT_EQ(budget(bytes(unlimited_bytes)).bytes_of(9), unlimited_bytes);
  EXPECT_EQ(percent(30).what(), budget::kind::percent);
  EXPECT_EQ(percent(30).bytes_of(1000), 300U);
  EXPECT_EQ(percent(12.5).bytes_of(1000), 125U);
  EXPECT_EQ(percent(0.1).bytes_of(1'000'000), budget("0.1%").bytes_of(1'000'000));
  for (double const none : {0.0, -1.0, 1e-10, 1e11, std::nan(""), std::numeric_limits<double>::infinity()})
    EXPECT_THROW((void)percent(none), error) << none;
}

}  // namespace
}  // namespace tierpager
