#include <core/memory/offset_arena.hpp>

#include <algorithm>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace tierpager {
namespace {

/// One flag a byte, searched from one end to the other.
class bitmap_arena {
 public:
  explicit bitmap_arena(std::uint64_t bytes) : free_(bytes, true) {}

  [[nodiscard]] std::vector<byte_range> ranges() const {
    std::vector<byte_range> found;
    for (std::uint64_t at = 0; at < free_.size(); ++at) {
      if (!free_[at]) continue;
      if (!found.empty() && found.back().end() == at) {
        ++found.back().bytes;
      } else {
        found.push_back({at, 1});
      }
    }
    return found;
  }
  [[nodiscard]] std::optional<std::uint64_t> best_fit(std::uint64_t bytes) const {
    std::optional<byte_range> best;
    for (byte_range const range : ranges()) {
      if (range.bytes >= bytes && (!best || range.bytes < best->bytes)) best = range;
    }
    if (!best) return std::nullopt;
    return best->offset;
  }
  [[nodiscard]] bool is_free(byte_range range) const {
    for (std::uint64_t at = range.offset; at < range.end(); ++at) {
      if (at >= free_.size() || !free_[at]) return false;
    }
    return true;
  }
  void mark(byte_range range, bool free) {
    for (std::uint64_t at = range.offset; at < range.end(); ++at) free_[at] = free;
  }

 private:
  std::vector<bool> free_;
};

std::vector<byte_range> ranges_of(offset_arena const& arena) { return {arena.begin(), arena.end()}; }

void expect_equal(offset_arena const& arena, bitmap_arena const& model) {
  std::vector<byte_range> const expected = model.ranges();
  std::uint64_t sum = 0;
  std::uint64_t largest = 0;
  for (byte_range const range : expected) {
    sum += range.bytes;
    largest = std::max(largest, range.bytes);
  }
  ASSERT_EQ(ranges_of(arena), expected);
  ASSERT_EQ(arena.free_bytes(), sum);
  ASSERT_EQ(arena.largest_free_bytes(), largest);
}

TEST(offset_arena, equals_a_bitmap_after_every_event) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    std::uint64_t const bytes = 1 + random() % 96;
    auto const any_range = [&] { return byte_range{random() % (bytes + 2), 1 + random() % 12}; };
    offset_arena arena(bytes);
    bitmap_arena model(bytes);
    std::vector<byte_range> taken;
    for (int event = 0; event < 200; ++event) {
      std::uint64_t const choice = random() % 3;
      if (choice == 0) {
        std::uint64_t const wanted = 1 + random() % 12;
        std::optional<std::uint64_t> const offset = arena.allocate(wanted);
        ASSERT_EQ(offset, model.best_fit(wanted));
        if (offset) taken.push_back({*offset, wanted});
        if (offset) model.mark(taken.back(), false);
      } else if (choice == 1) {
        byte_range const range = any_range();
        bool const possible = model.is_free(range);
        ASSERT_EQ(arena.allocate_at(range), possible);
        if (possible) taken.push_back(range);
        if (possible) model.mark(range, false);
      } else if (!taken.empty()) {
        std::swap(taken[random() % taken.size()], taken.back());
        byte_range range = taken.back();
        taken.pop_back();
        if (range.bytes > 1 && random() % 3 == 0) {  // in two parts
          arena.free({range.end() - 1, 1});
          model.mark({range.end() - 1, 1}, true);
          --range.bytes;
        }
        arena.free(range);
        model.mark(range, true);
      }
      ASSERT_NO_FATAL_FAILURE(expect_equal(arena, model));
    }
    for (byte_range const range : taken) arena.free(range);
    ASSERT_EQ(ranges_of(arena), (std::vector{byte_range{0, bytes}}));
  }
}

TEST(offset_arena, takes_the_lowest_of_equal_ranges_and_counts_beyond_32_bits) {
  std::uint64_t const unit = 3ULL << 32U;
  offset_arena arena(5 * unit);
  ASSERT_TRUE(arena.allocate_at({unit, unit}));
  ASSERT_TRUE(arena.allocate_at({3 * unit, unit}));
  EXPECT_EQ(arena.allocate(unit), 0U);
  EXPECT_EQ(arena.allocate(unit), 2 * unit);
  EXPECT_EQ(arena.allocate(unit + 1), std::nullopt);
  EXPECT_EQ(arena.free_bytes(), unit);
  EXPECT_FALSE(arena.allocate_at({4 * unit, ~std::uint64_t{0}}));
}

TEST(offset_arena, of_no_bytes_has_nothing_to_give) {
  offset_arena arena(0);
  EXPECT_EQ(arena.allocate(1), std::nullopt);
  EXPECT_FALSE(arena.allocate_at({0, 1}));
  EXPECT_EQ(arena.largest_free_bytes(), 0U);
  EXPECT_EQ(arena.begin(), arena.end());
}

TEST(offset_arena, refuses_to_free_what_is_free) {
  offset_arena arena(8);
  ASSERT_TRUE(arena.allocate_at({2, 4}));
  EXPECT_DEATH(arena.free({1, 2}), "");
  EXPECT_DEATH(arena.free({5, 2}), "");
  EXPECT_DEATH(arena.free({7, 2}), "");
}

}  // namespace
}  // namespace tierpager
