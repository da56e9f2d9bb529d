#include <bench/comparison/compare_policies.hpp>

#include <gtest/gtest.h>

namespace tierpager::tools {
namespace {

constexpr tensor_id a{0}, b{1}, c{2}, d{3};
std::vector<std::uint64_t> const tensor_bytes{10, 20, 30, 40};

TEST(compare_policies, counts_two_tiers_of_lru_by_pass) {
  std::vector<std::vector<tensor_id>> const passes{{a, b, a, c}, {b, d, a}};
  auto const counts = compare_policy("lru", {.vram_bytes = 40, .ram_bytes = 60}, tensor_bytes, passes);
  ASSERT_EQ(counts.size(), 2U);
  // VRAM: a, a b, b a, then c throws out b: a c. RAM: a, a b, then c: a b c.
  EXPECT_EQ(counts[0], (comparison_counts{.acquires = 4,
                                          .vram_hits = 1,
                                          .disk_reads = 3,
                                          .bytes_to_device = 60,
                                          .bytes_from_disk = 60,
                                          .vram_evictions = 1}));
  // b comes from RAM and throws out a and c; d throws out b, and a and c from RAM; a throws out d, and fits into RAM once
  // b has left it.
  EXPECT_EQ(counts[1], (comparison_counts{.acquires = 3,
                                          .ram_hits = 1,
                                          .disk_reads = 2,
                                          .bytes_to_device = 70,
                                          .bytes_from_disk = 50,
                                          .vram_evictions = 4,
                                          .ram_evictions = 3}));
}

TEST(compare_policies, belady_reads_nothing_twice_that_fits_into_both_tiers_together) {
  std::vector<std::vector<tensor_id>> const passes(5, {a, b, c, d});
  std::vector<std::uint64_t> const equal(4, 10);
  auto const counts = compare_policy("belady", {.vram_bytes = 20, .ram_bytes = 20}, equal, passes);
  EXPECT_EQ(counts[0].bytes_from_disk, 40U);
  for (std::size_t pass = 1; pass < counts.size(); ++pass) {
    EXPECT_EQ(counts[pass].bytes_from_disk, 0U);
    EXPECT_EQ(counts[pass].acquires, counts[pass].vram_hits + counts[pass].ram_hits);
    EXPECT_GE(counts[pass].bytes_to_device, 20U);
    EXPECT_LE(counts[pass].bytes_to_device, 30U);
  }
}

TEST(compare_policies, plays_every_policy_it_lists) {
  std::vector<std::vector<tensor_id>> const passes(4, {a, b, c, d, a});
  for (std::string_view const policy : comparison_policies) {
    auto const counts = compare_policy(policy, {.vram_bytes = 50}, tensor_bytes, passes);
    for (comparison_counts const& pass : counts) {
      EXPECT_EQ(pass.acquires, pass.vram_hits + pass.disk_reads) << policy;
      EXPECT_EQ(pass.bytes_to_device, pass.bytes_from_disk) << policy;
    }
  }
}

}  // namespace
}  // namespace tierpager::tools
