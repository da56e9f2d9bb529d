#include <host/host_checksum.hpp>

#include <gtest/gtest.h>

#include <algorithm>

#include <tests/support/scratch_file.hpp>
#include <tierpager/checksum.hpp>

namespace tierpager::tests {
namespace {

std::uint64_t accumulated(std::span<std::byte const> data, std::size_t piece_bytes) {
  checksum_accumulator sum;
  for (std::size_t at = 0; at < data.size(); at += piece_bytes)
    sum.add(data.subspan(at, std::min(piece_bytes, data.size() - at)));
  return sum.value();
}

TEST(host_checksum, equals_the_accumulator_for_every_small_size_and_alignment) {
  auto const content = seeded_bytes(1010, 5);
  for (std::size_t bytes = 0; bytes <= 1000; ++bytes) {
    auto const data = std::span(content).subspan(bytes % 9, bytes);
    ASSERT_EQ(host_checksum(data), accumulated(data, 1 + bytes % 31)) << bytes;
  }
}

TEST(host_checksum, equals_the_accumulator_for_large_sizes_with_a_tail) {
  for (std::size_t const bytes : {std::size_t{1} << 20U, (std::size_t{1} << 20U) + 3, std::size_t{3'000'017}}) {
    auto const content = seeded_bytes(bytes, bytes);
    EXPECT_EQ(host_checksum(content), accumulated(content, 65'537)) << bytes;
  }
}

TEST(host_checksum, sees_swapped_blocks_a_flipped_bit_and_a_zero_more) {
  auto content = seeded_bytes(4096, 1);
  std::uint64_t const before = host_checksum(content);
  std::swap_ranges(content.begin(), content.begin() + 1024, content.begin() + 1024);
  EXPECT_NE(host_checksum(content), before);
  std::swap_ranges(content.begin(), content.begin() + 1024, content.begin() + 1024);
  EXPECT_EQ(host_checksum(content), before);
  content[4000] ^= std::byte{1};
  EXPECT_NE(host_checksum(content), before);
  std::vector<std::byte> const zeros(17);
  EXPECT_NE(host_checksum(zeros), host_checksum(std::span(zeros).first(16)));
}

}  // namespace
}  // namespace tierpager::tests
