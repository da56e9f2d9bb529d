#include <core/format/byte_reader.hpp>

#include <gtest/gtest.h>

#include "format_bytes.hpp"

namespace tierpager {
namespace {

TEST(byte_reader, reads_little_endian_and_tells_a_short_prefix_from_a_short_file) {
  std::string const bytes = testing::u32(0x01020304) + testing::u64(0xf1f2f3f4f5f6f7f8) + "abc";
  byte_reader in(testing::bytes_of(bytes), 20);
  std::uint32_t small = 0;
  std::uint64_t large = 0;
  std::string_view text;
  ASSERT_TRUE(in.read(small) && in.read(large) && in.read(text, 3));
  EXPECT_EQ(small, 0x01020304U);
  EXPECT_EQ(large, 0xf1f2f3f4f5f6f7f8U);
  EXPECT_EQ(text, "abc");
  EXPECT_EQ(in.at_hand(), 0U);
  EXPECT_EQ(in.left(), 5U);
  EXPECT_FALSE(in.read(small));
  EXPECT_EQ(in.needed_bytes(), 19U);
  EXPECT_FALSE(in.read(large));
  EXPECT_EQ(in.needed_bytes(), 0U);
  EXPECT_EQ(in.position(), 15U);
}

TEST(byte_reader, skips_past_the_prefix_but_not_past_the_file_or_around_2_to_the_64) {
  byte_reader in(testing::bytes_of("abcd"), 100);
  ASSERT_TRUE(in.skip(50));
  EXPECT_EQ(in.at_hand(), 0U);
  EXPECT_FALSE(in.skip(51));
  EXPECT_FALSE(in.skip(~std::uint64_t{0}));
  std::string_view text;
  EXPECT_FALSE(in.read(text, ~std::uint64_t{0}));
  EXPECT_EQ(in.needed_bytes(), 0U);
  EXPECT_FALSE(in.read(text, 50));
  EXPECT_EQ(in.needed_bytes(), 100U);
}

}  // namespace
}  // namespace tierpager
