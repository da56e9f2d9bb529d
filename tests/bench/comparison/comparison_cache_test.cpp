#include <bench/comparison/comparison_cache.hpp>

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tests/bench/comparison/naive_caches.hpp>

namespace tierpager::tools {
namespace {

using testing::ElementsAre;

constexpr std::string_view policies[] = {"lru", "sieve", "s3fifo", "arc", "lfu-2", "lfu-8", "belady"};

std::unique_ptr<naive_cache> make_naive(std::string_view name, std::uint64_t room,
                                        std::vector<std::uint64_t> const& sizes, queue const& future) {
  if (name == "lru") return std::make_unique<naive_lru>(room, sizes);
  if (name == "sieve") return std::make_unique<naive_sieve>(room, sizes);
  if (name == "s3fifo") return std::make_unique<naive_s3fifo>(room, sizes);
  if (name == "arc") return std::make_unique<naive_arc>(room, sizes);
  if (name == "belady") return std::make_unique<naive_belady>(room, sizes, future);
  return std::make_unique<naive_lfu>(room, sizes, name == "lfu-2" ? 2U : 8U);
}

std::unique_ptr<comparison_cache> make(std::string_view name, std::uint64_t room,
                                       std::vector<std::uint64_t> const& sizes, queue const& future) {
  if (name != "belady") return make_comparison_cache(name, room, sizes);
  std::vector<tensor_id> ids;
  for (std::uint32_t const id : future) ids.push_back(tensor_id{id});
  return make_belady(room, sizes, ids);
}

queue residents(comparison_cache const& cache, std::size_t tensors) {
  queue in;
  for (std::uint32_t id = 0; id < tensors; ++id)
    if (cache.contains(tensor_id{id})) in.push_back(id);
  return in;
}

// What is in after the last access.
queue left_by(std::string_view name, std::uint64_t room, queue const& accesses) {
  std::vector<std::uint64_t> const sizes(32, 1);
  auto const cache = make(name, room, sizes, accesses);
  for (std::uint32_t const id : accesses) cache->access(tensor_id{id});
  return residents(*cache, sizes.size());
}

TEST(comparison_cache, does_by_hand_what_the_textbook_says) {
  EXPECT_THAT(left_by("lru", 3, {0, 1, 2, 0, 3}), ElementsAre(0, 2, 3));
  // 0 was used, so 1 leaves; the hand has passed 0 and goes on at 2.
  EXPECT_THAT(left_by("sieve", 3, {0, 1, 2, 0, 3, 4}), ElementsAre(0, 3, 4));
  // 0 was used twice in the small queue and is kept, 1 is not.
  EXPECT_THAT(left_by("s3fifo", 4, {0, 0, 0, 1, 2, 3, 4}), ElementsAre(0, 2, 3, 4));
  // 0 and 1, used twice, outlast a scan.
  EXPECT_THAT(left_by("arc", 4, {0, 1, 0, 1, 2, 3, 4, 5, 6}), ElementsAre(0, 1, 5, 6));
  EXPECT_THAT(left_by("lfu-2", 2, {0, 0, 1, 2, 3}), ElementsAre(0, 3));
  EXPECT_THAT(left_by("belady", 2, {0, 1, 2, 0, 3, 2, 0}), ElementsAre(0, 2));
}

TEST(comparison_cache, a_count_halves_every_half_life) {
  std::vector<std::uint64_t> const sizes(3, 1);
  for (bool const long_ago : {false, true}) {
    auto const cache = make_comparison_cache("lfu-2", 2, sizes);
    for (int i = 0; i < 3; ++i) cache->access(tensor_id{0});
    for (int passes = long_ago ? 4 : 2; passes > 0; --passes) cache->pass_ended();
    cache->access(tensor_id{1});
    cache->access(tensor_id{2});
    EXPECT_EQ(cache->contains(tensor_id{0}), !long_ago);  // 3 / 2 against 1, or 3 / 4
  }
}

TEST(comparison_cache, agrees_with_a_naive_one_at_every_access) {
  for (std::string_view const name : policies) {
    for (unsigned seed = 0; seed < 60; ++seed) {
      SCOPED_TRACE(std::string(name) + ", seed " + std::to_string(seed));
      std::mt19937 random(seed);
      std::uint32_t const tensors = 2 + static_cast<std::uint32_t>(random()) % 20;
      std::vector<std::uint64_t> sizes;
      for (std::uint32_t i = 0; i < tensors; ++i) sizes.push_back(seed % 2 == 0 ? 4 : 1 + random() % 8);
      std::uint64_t const room = 8 + random() % 60;
      queue accesses;
      for (int i = 0; i < 400; ++i)
        accesses.push_back(static_cast<std::uint32_t>(std::min(random() % tensors, random() % tensors)));
      auto const cache = make(name, room, sizes, accesses);
      auto const naive = make_naive(name, room, sizes, accesses);
      for (std::uint32_t const id : accesses) {
        if (random() % 8 == 0) {
          cache->pass_ended();
          naive->pass_ended();
        }
        ASSERT_EQ(cache->access(tensor_id{id}), naive->access(id));
        queue expected = naive->residents();
        std::sort(expected.begin(), expected.end());
        ASSERT_EQ(residents(*cache, tensors), expected);
        std::uint64_t used_bytes = 0;
        for (std::uint32_t const number : expected) used_bytes += sizes[number];
        ASSERT_EQ(cache->used_bytes(), used_bytes);
        ASSERT_LE(used_bytes, room);
      }
    }
  }
}

TEST(comparison_cache, none_misses_less_often_than_belady_where_sizes_are_equal) {
  for (unsigned seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    std::vector<std::uint64_t> const sizes(24, 1);
    queue accesses;
    for (int i = 0; i < 500; ++i) accesses.push_back(static_cast<std::uint32_t>(random()) % 24 * (random() % 2));
    auto misses = [&](std::string_view name) {
      auto const cache = make(name, 6, sizes, accesses);
      return std::count_if(accesses.begin(), accesses.end(),
                           [&](std::uint32_t id) { return !cache->access(tensor_id{id}); });
    };
    for (std::string_view const name : policies) EXPECT_LE(misses("belady"), misses(name)) << name;
  }
}

TEST(comparison_cache, lets_pass_what_is_larger_than_itself) {
  std::vector<std::uint64_t> const sizes{4, 9};
  for (std::string_view const name : policies) {
    auto const cache = make(name, 8, sizes, {0, 1, 0});
    EXPECT_FALSE(cache->access(tensor_id{0}));
    EXPECT_FALSE(cache->access(tensor_id{1}));
    EXPECT_TRUE(cache->access(tensor_id{0})) << name;
  }
}

TEST(comparison_cache, has_no_policy_of_another_name) {
  for (std::string_view const name : {"mru", "lfu", "lfu-", "lfu-0", "lfu-2x", "belady"})
    EXPECT_EQ(make_comparison_cache(name, 1, {}), nullptr) << name;
}

}  // namespace
}  // namespace tierpager::tools
