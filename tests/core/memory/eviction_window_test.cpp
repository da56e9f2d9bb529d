#include <core/memory/eviction_window.hpp>

#include <algorithm>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include <core/memory/tier_arena.hpp>

namespace tierpager {
namespace {

constexpr std::uint64_t arena_bytes = 400;

// An arena full of tensors, some of which have left or may not leave.
struct scene {
  explicit scene(unsigned seed) : random(seed) {
    for (byte_range piece : arena.grow(arena_bytes - 40 * (random() % 3), arena_bytes)) arena.committed(piece);
    std::vector<tenant> gone;
    while (auto const placed = arena.place(1 + random() % 40)) {
      tenant const each{tensor_id{static_cast<std::uint32_t>(costs.size())}, placed->range};
      costs.push_back(random() % 6 == 0 ? std::nullopt : std::optional(any_cost()));
      if (random() % 4 == 0)
        gone.push_back(each);
      else
        there.emplace(each.range.offset, each);
    }
    for (tenant const& each : gone) arena.free(each.range, {});
  }
  leave_cost any_cost() {
    leave_cost cost{.pinned = random() % 10 == 0 ? 1U : 0U, .ahead = random() % 8 == 0 ? 1U : 0U};
    (random() % 2 == 0 ? cost.bytes_in_use : cost.streamed_bytes) = static_cast<double>(1 + random() % 1000);
    return cost;
  }
  [[nodiscard]] cost_of_leaving cost() const {
    return [this](tenant const& each) { return costs[index_of(each.id)]; };
  }
  /// What it costs to clear exactly this range; nothing where that cannot be.
  [[nodiscard]] std::optional<leave_cost> cost_of(byte_range range) const {
    leave_cost sum;
    std::uint64_t covered = 0;
    for (tensor_id id : lying_in(there, range)) {
      if (!costs[index_of(id)]) return std::nullopt;
      sum.pinned += costs[index_of(id)]->pinned;
      sum.ahead += costs[index_of(id)]->ahead;
      sum.bytes_in_use += costs[index_of(id)]->bytes_in_use;
      sum.streamed_bytes += costs[index_of(id)]->streamed_bytes;
      for (auto const& [offset, each] : there)
        if (each.id == id) covered += std::min(each.range.end(), range.end()) - std::max(offset, range.offset);
    }
    for (auto hole = arena.holes().first_beyond(range.offset);
         hole != arena.holes().end() && hole->offset < range.end(); ++hole)
      covered += std::min(hole->end(), range.end()) - std::max(hole->offset, range.offset);
    return covered == range.bytes ? std::optional(sum) : std::nullopt;
  }

  std::mt19937 random;
  tier_arena arena{arena_bytes, 40};
  tenants there;
  std::vector<std::optional<leave_cost>> costs;
};

TEST(eviction_window, is_as_cheap_as_the_cheapest_of_all_places) {
  unsigned found = 0;
  for (unsigned seed = 0; seed < 2000; ++seed) {
    SCOPED_TRACE(seed);
    scene const made(seed);
    std::uint64_t const bytes = 1 + seed % 120;
    std::optional<leave_cost> least;
    std::optional<std::uint64_t> lowest;
    for (std::uint64_t at = 0; at + bytes <= arena_bytes; ++at) {
      auto const cost = made.cost_of({at, bytes});
      if (cost && !lowest) lowest = at;
      if (cost && (!least || *cost < *least)) least = cost;
    }
    auto const cheapest = cheapest_window(made.arena.holes(), made.there, {0, arena_bytes}, bytes, made.cost());
    ASSERT_EQ(cheapest.has_value(), least.has_value());
    auto const low = lowest_window(made.arena.holes(), made.there, bytes, made.cost());
    ASSERT_EQ(low.has_value(), lowest.has_value());
    if (!least) continue;
    ++found;
    EXPECT_EQ(cheapest->cost, *least);
    EXPECT_EQ(made.cost_of(cheapest->range), least);
    EXPECT_EQ(low->range.offset, *lowest);
  }
  EXPECT_GE(found, 1000U);
}

TEST(eviction_window, of_tensors_of_one_size_is_the_place_of_the_cheapest) {
  tier_arena arena(400, 40);
  for (byte_range piece : arena.grow(400, 400)) arena.committed(piece);
  tenants there;
  for (std::uint32_t i = 0; i < 10; ++i) {
    byte_range const range = arena.place(40)->range;
    there.emplace(range.offset, tenant{tensor_id{i}, range});
  }
  auto const cost = [](tenant const& each) {
    return std::optional(
        leave_cost{.bytes_in_use = index_of(each.id) == 7 ? 1.0 : 1e9 + static_cast<double>(index_of(each.id))});
  };
  auto const found = cheapest_window(arena.holes(), there, {0, 400}, 40, cost);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->range, there.at(280).range);
}

TEST(eviction_window, looks_no_further_than_it_is_told) {
  tier_arena arena(400, 40);
  for (byte_range piece : arena.grow(400, 400)) arena.committed(piece);
  tenants there;
  for (std::uint32_t i = 0; i < 10; ++i) {
    byte_range const range = arena.place(40)->range;
    there.emplace(range.offset, tenant{tensor_id{i}, range});
  }
  unsigned looked = 0;
  auto const cost = [&](tenant const&) {
    ++looked;
    return std::optional(leave_cost{.bytes_in_use = 1});
  };
  (void)cheapest_window(arena.holes(), there, {160, 80}, 40, cost);
  EXPECT_EQ(looked, 2U);
}

}  // namespace
}  // namespace tierpager
