#include <core/eviction/shadow_tiers.hpp>

#include <vector>

#include <gtest/gtest.h>

namespace tierpager {
namespace {

struct shadowed {
  static constexpr std::uint32_t tensors = 1000;
  std::vector<std::uint64_t> tensor_bytes = std::vector<std::uint64_t>(tensors, 1);
  use_counts counts{tensors};
  shadow_tiers shadows{counts, tensor_bytes};

  void use(std::uint32_t id) {
    bool const first_use = !counts.ever_used(id);
    (void)counts.touched(id);
    shadows.touched(id, first_use);
  }
};

// One tensor that was popular, then four in turn with room for four: only LRU lets go of the one.
void use_four_after_a_favourite(shadowed& of) {
  for (int i = 0; i < 20; ++i) of.use(0);
  for (int round = 0; round < 5; ++round)
    for (std::uint32_t id = 1; id <= 4; ++id) of.use(id);
}

constexpr std::size_t longest = use_orders - 1;

TEST(shadow_tiers, the_order_whose_shadow_missed_least_wins_however_much_was_loaded_for_the_first_time) {
  shadowed of;
  of.shadows.resized(4);
  for (std::uint32_t id = 0; id < shadowed::tensors; ++id) of.use(id);
  use_four_after_a_favourite(of);
  EXPECT_EQ(of.shadows.pass_ended(longest), 0U);
}

TEST(shadow_tiers, without_a_size_no_order_is_better) {
  shadowed of;
  use_four_after_a_favourite(of);
  EXPECT_EQ(of.shadows.pass_ended(longest), longest);
}

TEST(shadow_tiers, a_tier_made_smaller_holds_no_more_than_that) {
  shadowed of;
  of.shadows.resized(500);
  for (std::uint32_t id = 0; id < 500; ++id) of.use(id);
  of.shadows.resized(4);
  use_four_after_a_favourite(of);
  EXPECT_EQ(of.shadows.pass_ended(longest), 0U);
}

}  // namespace
}  // namespace tierpager
