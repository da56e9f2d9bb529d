#include <core/policy/shadow_tiers.hpp>

#include <algorithm>
#include <random>
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

// All were used since they were ranked. Where there are too many for one call, the lowest of those it looked at leaves.
TEST(rank_heap, pops_the_lowest_of_a_bounded_number_ranked_anew) {
  for (std::uint32_t const ids : {1U, 100U, ranked_anew_max, ranked_anew_max + 1, 100'000U}) {
    SCOPED_TRACE(ids);
    rank_heap heap(ids);
    std::vector<eviction_rank> now(ids);
    std::mt19937 random(1);
    for (std::uint32_t id = 0; id < ids; ++id) {
      heap.insert({.ranked = {.key = static_cast<double>(random() % 1000), .last_use = id}, .id = id});
      now[id] = {.key = static_cast<double>(1000 + random() % 1000), .last_use = ids + id};
    }
    std::vector<std::uint32_t> ranked_anew;
    auto const outdated = [&](std::uint32_t id, std::uint64_t use) { return now[id].last_use != use; };
    auto const rank_now = [&](std::uint32_t id) {
      ranked_anew.push_back(id);
      return now[id];
    };
    for (std::uint32_t left = std::min(ids, 1000U); left > 0; --left) {
      ranked_anew.clear();
      std::uint32_t const popped = heap.pop(outdated, rank_now).id;
      ASSERT_FALSE(heap.contains(popped));
      ASSERT_LE(ranked_anew.size(), ranked_anew_max);
      for (std::uint32_t const id : ranked_anew) ASSERT_FALSE(now[id] < now[popped]);
      if (ids > 2 * ranked_anew_max && left > 900) {
        ASSERT_EQ(ranked_anew.size(), ranked_anew_max);
      } else if (ids <= ranked_anew_max) {  // as if all were ranked anew
        for (std::uint32_t id = 0; id < ids; ++id) ASSERT_TRUE(!heap.contains(id) || now[popped] < now[id]);
      }
    }
  }
}

}  // namespace
}  // namespace tierpager
