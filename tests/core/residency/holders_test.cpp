// The table of who holds what, beside a map.
#include <gmock/gmock.h>

#include <map>
#include <random>
#include <set>
#include <tuple>

#include <core/residency/holders.hpp>

namespace tierpager::test {
namespace {

using testing::IsEmpty;

TEST(holders, agree_with_a_map_of_uses) {
  std::mt19937_64 random(7);
  auto const draw = [&](std::uint64_t below) { return random() % below; };
  holders all;
  std::map<std::tuple<owner_id, tensor_id, tier>, std::uint64_t> model;
  std::vector<std::tuple<owner_id, tensor_id, tier>> uses;
  for (int step = 0; step < 20000; ++step) {
    // Grows to hundreds of uses and shrinks to none, several times. Owners that are alike in their lowest bits.
    bool const grows = step % 4000 < 2000;
    if (uses.empty() || draw(10) < (grows ? 7U : 3U)) {
      std::tuple const use{owner_id{draw(6) << 8U}, static_cast<tensor_id>(draw(90)),
                           draw(2) == 0 ? tier::vram : tier::ram};
      auto const& [owner, id, where] = use;
      all.add(owner, id, where);
      ++model[use];
      uses.push_back(use);
    } else {
      std::swap(uses[draw(uses.size())], uses.back());
      auto const& [owner, id, where] = uses.back();
      all.remove(owner, id, where);
      if (--model[uses.back()] == 0) model.erase(uses.back());
      uses.pop_back();
    }
    if (step % 50 != 0) continue;
    for (tier const where : {tier::vram, tier::ram}) {
      std::set<owner_id> any;
      std::map<std::tuple<owner_id, tensor_id, tier>, std::uint64_t> seen;
      all.each(where, [&](owner_id owner, tensor_id id, std::uint64_t count) { seen[{owner, id, where}] = count; });
      std::set<owner_id> owners;
      std::uint64_t in_tier = 0;
      for (auto const& [use, count] : model) {
        auto const& [owner, id, in] = use;
        any.insert(owner);
        if (in != where) continue;
        ++in_tier;
        owners.insert(owner);
        ASSERT_TRUE(all.holds(owner, id, where));
        ASSERT_EQ(seen.at(use), count);
      }
      ASSERT_EQ(seen.size(), in_tier);
      for (std::uint64_t number = 0; number < 6; ++number) {
        owner_id const owner{number << 8U};
        ASSERT_EQ(all.holds_any(owner), any.contains(owner));
        ASSERT_EQ(all.holds_all(owner, where), owners == std::set{owner});
      }
    }
  }
}

TEST(holders, forget_what_is_no_longer_held) {
  holders all;
  for (std::uint64_t number = 1; number <= 100'000; ++number) {
    all.add(owner_id{number}, tensor_id{3}, tier::vram);
    all.remove(owner_id{number}, tensor_id{3}, tier::vram);
  }
  EXPECT_FALSE(all.holds_any(owner_id{1}));
  std::vector<owner_id> left;
  all.each(tier::vram, [&](owner_id owner, tensor_id, std::uint64_t) { left.push_back(owner); });
  EXPECT_THAT(left, IsEmpty());
}

TEST(holders, remember_of_the_latest_owners_that_others_release_for_them) {
  holders all;
  for (std::uint64_t number = 1; number <= 10'000; ++number) all.released_elsewhere(owner_id{number});
  EXPECT_TRUE(all.may_be_released_elsewhere(owner_id{10'000}));
  EXPECT_TRUE(all.may_be_released_elsewhere(owner_id{9'000}));
  EXPECT_FALSE(all.may_be_released_elsewhere(owner_id{1}));
}

}  // namespace
}  // namespace tierpager::test
