#include <core/memory/tier_arena.hpp>

#include <algorithm>
#include <map>
#include <random>

#include <gtest/gtest.h>

namespace tierpager {
namespace {

// Which bytes are committed, whose they are, and which uses may still run there: what the arena's answers must add up to.
class bytes {
 public:
  explicit bytes(std::size_t count) : cells_(count) {}

  void commit(byte_range range) {
    for (std::uint64_t i = range.offset; i < range.end(); ++i) {
      ASSERT_FALSE(cells_[i].committed) << "committed twice: " << i;
      cells_[i].committed = true;
    }
  }
  void decommit(byte_range range) {
    for (std::uint64_t i = range.offset; i < range.end(); ++i) {
      ASSERT_TRUE(cells_[i].committed) << "given back twice: " << i;
      ASSERT_EQ(cells_[i].owner, nobody) << "given back in use: " << i;
      ASSERT_EQ(cells_[i].until, 0U) << "given back before the fence of its last use: " << i;
      cells_[i].committed = false;
    }
  }
  void take(tier_arena::placement const& placed, int owner) {
    std::uint64_t const covered = placed.after.empty() ? 0 : placed.after.front().sequence;
    for (std::uint64_t i = placed.range.offset; i < placed.range.end(); ++i) {
      ASSERT_TRUE(cells_[i].committed) << "used without memory: " << i;
      ASSERT_EQ(cells_[i].owner, nobody) << "used twice: " << i;
      ASSERT_LE(cells_[i].until, covered) << "not ordered behind the last use of " << i;
      cells_[i].owner = owner;
    }
  }
  void free(byte_range range, std::uint64_t until) {
    for (std::uint64_t i = range.offset; i < range.end(); ++i) {
      cells_[i].owner = nobody;
      if (until > 0) cells_[i].until = until;
    }
  }
  void passed(std::uint64_t until) {
    for (cell& each : cells_)
      if (each.until <= until) each.until = 0;
  }
  [[nodiscard]] std::uint64_t committed() const {
    return static_cast<std::uint64_t>(
        std::count_if(cells_.begin(), cells_.end(), [](cell const& each) { return each.committed; }));
  }

 private:
  static constexpr int nobody = -1;
  struct cell {
    bool committed = false;
    int owner = nobody;
    std::uint64_t until = 0;  // 0: nothing runs there
  };
  std::vector<cell> cells_;
};

// One arena of granules of 8 bytes through a seeded history: tensors of any size come and go, budgets change, calls fail.
class history {
 public:
  explicit history(unsigned seed) : random_(seed), limit_(granule * (4 + random_() % 12)) {}

  void play() {
    for (int event = 0; event < 300 && !testing::Test::HasFatalFailure(); ++event) {
      switch (random_() % 8) {
        case 0: arena_.passed({.stream = 1, .sequence = over()}), memory_.passed(over_); break;
        case 1: grow(); break;
        case 2: shrink(); break;
        case 3: place_by_remap(event); break;
        case 4:
        case 5: free(); break;
        default: place(event); break;
      }
      ASSERT_LE(arena_.committed_bytes(), limit_);
      ASSERT_EQ(arena_.committed_bytes(), memory_.committed());
      ASSERT_EQ(arena_.peak_bytes(), peak_);
      ASSERT_EQ(arena_.allocated_bytes(), allocated_);
      arena_.check();
    }
  }
  [[nodiscard]] unsigned remaps() const { return remaps_; }

 private:
  static constexpr std::uint64_t granule = 8;

  std::uint64_t over() { return over_ += random_() % (recorded_ - over_ + 1); }
  bool fails() { return random_() % 4 == 0; }
  std::uint64_t any_bytes() { return 1 + random_() % (2 * granule); }

  void grow() {
    for (byte_range piece : arena_.grow(limit_, 2 * granule)) {
      if (fails()) {
        arena_.commit_failed(piece);
        continue;
      }
      arena_.committed(piece);
      memory_.commit(piece);
    }
    count_peak();
  }
  void shrink() {
    std::uint64_t const limit = granule * (random_() % 16);
    for (byte_range given : arena_.reclaim(limit)) {
      if (fails())
        arena_.decommit_failed(given);
      else
        memory_.decommit(given);
    }
  }
  void place(int owner) {
    std::uint64_t const wanted = any_bytes();
    bool const hole = arena_.largest_hole_bytes() >= wanted;
    auto const placed = arena_.place(wanted);
    ASSERT_EQ(placed.has_value(), hole);
    if (placed) took(*placed, owner);
  }
  void place_by_remap(int owner) {
    auto const placed = arena_.place_by_remap(any_bytes(), limit_);
    if (!placed) return;
    ++remaps_;
    std::size_t const commits = fails() ? random_() % (placed->commits.size() + 1) : placed->commits.size();
    for (byte_range given : placed->decommits) memory_.decommit(given);
    for (std::size_t i = 0; i < commits; ++i) memory_.commit(placed->commits[i]);
    if (commits < placed->commits.size()) return arena_.remap_failed(*placed, commits);
    arena_.remap_carried_out(*placed);
    count_peak();
    took(*placed, owner);
  }
  void took(tier_arena::placement const& placed, int owner) {
    memory_.take(placed, owner);
    placed_[owner] = placed.range;
    allocated_ += placed.range.bytes;
  }
  void free() {
    if (placed_.empty()) return;
    auto const victim = std::next(placed_.begin(), static_cast<std::ptrdiff_t>(random_() % placed_.size()));
    fence const use{.stream = 1, .sequence = ++recorded_};
    bool const used = random_() % 2 == 0;
    arena_.free(victim->second, std::span(&use, used ? 1 : 0));
    memory_.free(victim->second, used ? use.sequence : 0);
    allocated_ -= victim->second.bytes;
    placed_.erase(victim);
  }
  void count_peak() {
    arena_.count_peak();
    peak_ = std::max(peak_, memory_.committed());
  }

  std::mt19937 random_;
  std::uint64_t limit_;
  tier_arena arena_{40 * granule, granule};
  bytes memory_{40 * granule};
  std::map<int, byte_range> placed_;
  std::uint64_t peak_ = 0, allocated_ = 0, recorded_ = 0, over_ = 0;
  unsigned remaps_ = 0;
};

TEST(tier_arena, hands_out_memory_that_is_there_in_order_behind_what_runs_there) {
  unsigned remaps = 0;
  for (unsigned seed = 0; seed < 1000; ++seed) {
    SCOPED_TRACE(seed);
    history past(seed);
    past.play();
    remaps += past.remaps();
    if (HasFatalFailure()) return;
  }
  EXPECT_GE(remaps, 1000U);
}

TEST(tier_arena, wastes_no_byte_between_tensors) {
  tier_arena arena(400, 40);
  for (byte_range piece : arena.grow(80, 400)) arena.committed(piece);
  EXPECT_EQ(arena.place(30)->range, (byte_range{0, 30}));
  EXPECT_EQ(arena.place(30)->range, (byte_range{30, 30}));
  EXPECT_EQ(arena.place(20)->range, (byte_range{60, 20}));
  EXPECT_FALSE(arena.place(1));
  EXPECT_EQ(arena.peak_allocated_bytes(), 80U);
}

TEST(tier_arena, gives_a_granule_back_only_when_the_uses_of_all_that_lay_in_it_have_passed) {
  tier_arena arena(400, 40);
  for (byte_range piece : arena.grow(80, 400)) arena.committed(piece);
  byte_range const first = arena.place(30)->range;
  byte_range const neighbour = arena.place(30)->range;
  fence const use{.stream = 1, .sequence = 5};
  arena.free(neighbour, std::span(&use, 1));
  arena.free(first, {});
  EXPECT_TRUE(arena.reclaim(0).empty());
  EXPECT_TRUE(arena.draining());
  arena.passed({.stream = 1, .sequence = 6});
  EXPECT_EQ(arena.reclaim(0), (std::vector<byte_range>{{0, 80}}));
}

TEST(tier_arena, maps_whole_granules_together_where_no_hole_is_large_enough) {
  tier_arena arena(400, 40);
  for (byte_range piece : arena.grow(120, 400)) arena.committed(piece);
  byte_range const low = arena.place(40)->range;
  byte_range const middle = arena.place(10)->range;
  byte_range const high = arena.place(70)->range;
  arena.free(low, {});
  arena.free(high, {});
  ASSERT_FALSE(arena.place(75));
  auto const placed = arena.place_by_remap(75, 120);
  ASSERT_TRUE(placed);
  EXPECT_EQ(placed->range, (byte_range{middle.end(), 75}));
  EXPECT_EQ(placed->decommits, (std::vector<byte_range>{{0, 40}}));
  EXPECT_EQ(placed->commits, (std::vector<byte_range>{{120, 40}}));
  EXPECT_FALSE(arena.place(30)) << "what is behind it is not there yet";
  arena.remap_carried_out(*placed);
  EXPECT_EQ(arena.place(30)->range, (byte_range{125, 30}));
}

}  // namespace
}  // namespace tierpager
