#include <tierpager/byte_count.hpp>

#include <gtest/gtest.h>

#include <limits>

namespace tierpager {
namespace {

constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();

TEST(byte_count, literals_are_what_their_units_say) {
  static_assert((8_GiB).count() == std::uint64_t{8} << 30U);
  static_assert((512_MiB).count() == std::uint64_t{512} << 20U);
  static_assert((4_KiB).count() == 4096);
  static_assert((2_TiB).count() == std::uint64_t{2} << 40U);
  static_assert((6_KB).count() == 6'000);
  static_assert((6_MB).count() == 6'000'000);
  static_assert((6_GB).count() == 6'000'000'000);
  static_assert((6_TB).count() == 6'000'000'000'000);
  static_assert((1.5_GiB).count() == std::uint64_t{3} << 29U);
  static_assert((0.3_GB).count() == 300'000'000);
  static_assert((16777215_TiB).count() == std::uint64_t{16777215} << 40U);
}

TEST(byte_count, takes_any_whole_number_that_is_not_negative) {
  static_assert(bytes(std::uint64_t{most}).count() == most);
  static_assert(bytes(short{7}).count() == 7);
  EXPECT_EQ(bytes(0).count(), 0U);
  EXPECT_THROW((void)bytes(-1), error);
  EXPECT_THROW((void)bytes(std::numeric_limits<std::int64_t>::min()), error);
}

TEST(byte_count, sums_and_products_are_checked) {
  static_assert(1_KiB + 1_KB == bytes(2024));
  static_assert(3 * 512_MiB == 1536_MiB && 512_MiB * 3U == 1.5_GiB);
  static_assert(1_GB < 1_GiB);
  EXPECT_EQ((bytes(most - 1) + bytes(1)).count(), most);
  EXPECT_THROW((void)(bytes(most) + bytes(1)), error);
  EXPECT_EQ((most / 5 * bytes(5)).count(), most);
  EXPECT_THROW((void)(2 * bytes(most / 2 + 1)), error);
  EXPECT_THROW((void)(-1 * 8_GiB), error);
}

}  // namespace
}  // namespace tierpager
