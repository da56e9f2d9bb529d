#include <core/memory/tier_arena.hpp>

#include <algorithm>
#include <map>
#include <random>

#include <gtest/gtest.h>

namespace tierpager {
namespace {

// Which granules are committed, and by which tensor they are taken: what the arena's answers must add up to.
class granules {
 public:
  explicit granules(std::size_t count) : committed_(count), owner_(count, -1) {}

  void apply(tier_arena::placement const& placed, int tensor) {
    for (byte_range gone : placed.decommits) decommit(gone);
    for (byte_range fresh : placed.commits) {
      for (std::uint64_t i = fresh.offset; i < fresh.end(); ++i) {
        ASSERT_FALSE(committed_[i]) << "committed twice: " << i;
        committed_[i] = true;
      }
    }
    for (std::uint64_t i = placed.range.offset; i < placed.range.end(); ++i) {
      ASSERT_TRUE(committed_[i]) << "used without memory: " << i;
      ASSERT_EQ(owner_[i], -1) << "used twice: " << i;
      owner_[i] = tensor;
    }
  }
  void decommit(byte_range gone) {
    for (std::uint64_t i = gone.offset; i < gone.end(); ++i) {
      ASSERT_TRUE(committed_[i]) << "given back twice: " << i;
      ASSERT_EQ(owner_[i], -1) << "given back in use: " << i;
      committed_[i] = false;
    }
  }
  void free(byte_range range) {
    for (std::uint64_t i = range.offset; i < range.end(); ++i) owner_[i] = -1;
  }
  [[nodiscard]] std::uint64_t committed() const {
    return static_cast<std::uint64_t>(std::count(committed_.begin(), committed_.end(), true));
  }

 private:
  std::vector<bool> committed_;
  std::vector<int> owner_;
};

TEST(tier_arena, places_whatever_fits_by_bytes_within_the_limit) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    std::uint64_t const limit = 8 + random() % 24;
    tier_arena arena(16 * limit);
    granules memory(16 * limit);
    std::map<int, byte_range> placed;
    std::uint64_t peak = 0;
    for (int event = 0; event < 200; ++event) {
      std::uint64_t const bytes = 1 + random() % (limit / 2);
      if (arena.allocated_bytes() + bytes <= limit) {
        auto const where = arena.place(bytes, limit, true);
        ASSERT_TRUE(where);
        memory.apply(*where, event);
        arena.remapped();
        peak = std::max(peak, memory.committed());
        placed[event] = where->range;
      } else {
        auto const victim = std::next(placed.begin(), static_cast<std::ptrdiff_t>(random() % placed.size()));
        arena.free(victim->second, {});
        memory.free(victim->second);
        placed.erase(victim);
      }
      ASSERT_LE(arena.committed_bytes(), limit);
      ASSERT_EQ(arena.committed_bytes(), memory.committed());
      arena.check();
    }
    ASSERT_EQ(arena.peak_bytes(), peak);
  }
}

TEST(tier_arena, never_remaps_tensors_of_one_size_once_its_memory_is_committed) {
  tier_arena arena(400);
  std::vector<byte_range> placed;
  for (int i = 0; i < 10; ++i) placed.push_back(arena.place(4, 40, true)->range);
  std::mt19937 random(1);
  for (int event = 0; event < 1000; ++event) {
    byte_range& victim = placed[random() % placed.size()];
    arena.free(victim, {});
    auto const where = arena.place(4, 40, true);
    ASSERT_TRUE(where->commits.empty() && where->decommits.empty());
    victim = where->range;
  }
}

TEST(tier_arena, reuses_a_range_in_stream_order_but_gives_it_back_only_when_its_uses_have_passed) {
  tier_arena arena(400);
  byte_range const first = arena.place(10, 20, true)->range;
  byte_range const second = arena.place(10, 20, true)->range;
  fence const uses[] = {{.stream = 1, .sequence = 5}, {.stream = 2, .sequence = 7}};
  arena.free(first, uses);
  auto const reused = arena.place(6, 20, true);
  ASSERT_TRUE(reused);
  EXPECT_EQ(reused->after, (std::vector<fence>{uses[0], uses[1]}));
  arena.free(reused->range, {});
  arena.free(second, {});
  EXPECT_EQ(arena.reclaim(0), (std::vector<byte_range>{second}));
  arena.passed(uses[1]);
  EXPECT_TRUE(arena.draining());
  arena.passed({.stream = 1, .sequence = 6});
  EXPECT_FALSE(arena.draining());
}

TEST(tier_arena, takes_back_what_could_not_be_carried_out) {
  tier_arena arena(400);
  auto const placed = arena.place(10, 20, true);
  byte_range const missing[] = {{placed->range.offset + 4, 6}};
  arena.free_uncommitted(placed->range, missing);
  EXPECT_EQ(arena.committed_bytes(), 4U);
  EXPECT_EQ(arena.allocated_bytes(), 0U);
  arena.check();
  auto const given = arena.reclaim(0);
  EXPECT_EQ(arena.committed_bytes(), 0U);
  for (byte_range range : given) arena.decommit_failed(range);
  EXPECT_EQ(arena.committed_bytes(), 4U);
  arena.check();
}

}  // namespace
}  // namespace tierpager
