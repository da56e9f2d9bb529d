#include <core/memory/draining_ranges.hpp>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace tierpager {
namespace {

/// Every range that was added, one after the other.
class list_of_drains {
 public:
  void add(byte_range range, fence until) { drains_.push_back({range, until}); }
  void passed(fence which) {
    std::erase_if(drains_, [&](drain const& each) {
      return each.until.stream == which.stream && each.until.sequence <= which.sequence;
    });
  }
  [[nodiscard]] bool empty() const { return drains_.empty(); }
  [[nodiscard]] std::map<std::uint32_t, std::uint64_t> latest_in(byte_range range) const {
    std::map<std::uint32_t, std::uint64_t> latest;
    for (drain const& each : drains_)
      if (each.range.offset < range.end() && range.offset < each.range.end())
        latest[each.until.stream] = std::max(latest[each.until.stream], each.until.sequence);
    return latest;
  }

 private:
  struct drain {
    byte_range range;
    fence until;
  };
  std::vector<drain> drains_;
};

constexpr std::uint64_t arena_bytes = 64;

byte_range random_range(std::mt19937& random) {
  std::uint64_t const offset = random() % arena_bytes;
  return {offset, 1 + random() % std::min<std::uint64_t>(arena_bytes - offset, 12)};
}

// With several streams more may be reported than was added, as pieces become one; never less, and nothing that has passed.
void expect_covered(draining_ranges& ranges, list_of_drains const& model, byte_range range, bool exactly) {
  std::map<std::uint32_t, std::uint64_t> found;
  for (fence const each : ranges.fences_in(range)) EXPECT_TRUE(found.emplace(each.stream, each.sequence).second);
  auto const expected = model.latest_in(range);
  if (exactly) {
    EXPECT_EQ(found, expected);
  }
  for (auto const& [stream, sequence] : expected) EXPECT_GE(found[stream], sequence);
  std::uint64_t end = 0;
  std::vector<bool> touched(arena_bytes);
  for (byte_range const each : ranges.touching(range)) {
    EXPECT_TRUE(each.offset >= end && each.offset < range.end() && each.end() > range.offset);
    end = each.end();
    std::fill(touched.begin() + static_cast<std::ptrdiff_t>(each.offset),
              touched.begin() + static_cast<std::ptrdiff_t>(end), true);
  }
  for (std::uint64_t at = range.offset; at < range.end(); ++at) {
    bool const drains = !model.latest_in({at, 1}).empty();
    EXPECT_TRUE(exactly ? touched[at] == drains : touched[at] || !drains) << at;
  }
}

TEST(draining_ranges, say_what_a_list_of_them_would) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    auto const streams = static_cast<std::uint32_t>(1 + seed % 3);
    draining_ranges ranges;
    list_of_drains model;
    std::vector<fence> latest(streams), passed(streams);
    for (std::uint32_t stream = 0; stream < streams; ++stream) latest[stream].stream = passed[stream].stream = stream;
    for (int event = 0; event < 200; ++event) {
      fence& until = latest[random() % streams];
      fence& over = passed[until.stream];
      if (random() % 3 != 0) {
        byte_range const range = random_range(random);
        ++until.sequence;
        ranges.add(range, {&until, 1});
        model.add(range, until);
      } else if (over.sequence < until.sequence) {
        over.sequence += 1 + random() % (until.sequence - over.sequence);
        ranges.passed(over);
        model.passed(over);
      }
      ASSERT_EQ(ranges.empty(), model.empty());
      expect_covered(ranges, model, random_range(random), streams == 1);
    }
  }
}

TEST(draining_ranges, wait_for_every_stream_that_used_them) {
  draining_ranges ranges;
  std::vector<fence> const both{{.stream = 0, .sequence = 3}, {.stream = 5, .sequence = 1}};
  ranges.add({10, 10}, both);
  EXPECT_EQ(ranges.fences_in({0, 11}), both);
  EXPECT_TRUE(ranges.fences_in({0, 10}).empty());
  ranges.passed({.stream = 0, .sequence = 3});
  EXPECT_FALSE(ranges.empty());
  EXPECT_EQ(ranges.fences_in({19, 1}), std::vector(both.begin() + 1, both.end()));
  ranges.clear();
  EXPECT_TRUE(ranges.empty());
  EXPECT_TRUE(ranges.touching({0, 100}).empty());
}

}  // namespace
}  // namespace tierpager
