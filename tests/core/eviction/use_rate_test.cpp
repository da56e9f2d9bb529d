#include <core/eviction/use_rate.hpp>

#include <algorithm>
#include <cmath>
#include <random>
#include <set>

#include <gtest/gtest.h>

namespace tierpager {
namespace {

std::vector<tensor_id> victims_of(eviction_policy const& policy) {
  std::vector<tensor_id> order;
  for (auto next = policy.first_victim(); next; next = policy.victim_after(*next)) order.push_back(*next);
  return order;
}

// Every use of every tensor, and the pass it was in; all else is worked out anew at each question.
class remembered_uses {
 public:
  explicit remembered_uses(std::size_t tensors) : passes_(tensors), last_(tensors) {}

  void touched(std::uint32_t id) {
    bool const again = !passes_[id].empty() && passes_[id].back() == pass_;
    auto const least = std::max(std::min(lengths_[0], lengths_[1]) / 2, passes_.size() / 64);
    if (again && length_ >= least) {
      lengths_[1] = lengths_[0];
      lengths_[0] = length_;
      length_ = 0;
      ++pass_;
    }
    ++length_;
    passes_[id].push_back(pass_);
    last_[id] = ++uses_;
  }
  [[nodiscard]] double rate(tensor_id id, std::size_t order) const {
    if (order == 0) return static_cast<double>(last_[index_of(id)]);
    double sum = 0;
    double const half_life = static_cast<double>(half_lives_passes[order - 1]);
    for (int const pass : passes_[index_of(id)]) sum += std::exp2((pass - pass_) / half_life);
    return sum;
  }
  [[nodiscard]] int last(tensor_id id) const { return last_[index_of(id)]; }

 private:
  std::vector<std::vector<int>> passes_;
  std::vector<int> last_;
  int uses_ = 0;
  int pass_ = 0;
  std::size_t length_ = 0;
  std::size_t lengths_[2] = {0, 0};
};

// The policy beside the naive one, in a world where all tensors are of a size.
class ranked_world {
 public:
  ranked_world(std::uint32_t tensors, std::uint64_t room, unsigned seed)
      : policy(std::vector<std::uint64_t>(tensors, 10)), random(seed), tensors_(tensors), model_(tensors) {
    policy.resized(10 * room);
  }
  // With half of the seeds the lower ids come more often.
  std::uint32_t any_id(bool skewed) {
    auto const drawn = static_cast<std::uint32_t>(random()) % tensors_;
    return skewed ? std::min(drawn, static_cast<std::uint32_t>(random()) % tensors_) : drawn;
  }
  void touch(std::uint32_t id) {
    policy.touched(tensor_id{id});
    model_.touched(id);
    in_.insert(tensor_id{id});
  }
  void erase(std::uint32_t id) {
    policy.erased(tensor_id{id});
    in_.erase(tensor_id{id});
  }
  void expect_ranked() const {
    auto const order = victims_of(policy);
    ASSERT_EQ(std::set<tensor_id>(order.begin(), order.end()), in_);
    ASSERT_EQ(order.size(), in_.size());
    for (std::size_t i = 1; i < order.size(); ++i) {
      double const before = model_.rate(order[i - 1], policy.order());
      double const after = model_.rate(order[i], policy.order());
      ASSERT_LE(before, after * (1 + 1e-5)) << "at " << i;
      if (before == after) {
        ASSERT_GT(model_.last(order[i - 1]), model_.last(order[i])) << "at " << i;
      }
    }
  }

  use_rate policy;
  std::mt19937 random;

 private:
  std::uint32_t tensors_;
  remembered_uses model_;
  std::set<tensor_id> in_;
};

// Sizes and room such that the shadows have something to learn.
TEST(use_rate, ranks_by_decayed_counts_of_the_half_life_it_follows_and_the_newest_of_equals_first) {
  std::set<std::size_t> followed;
  for (unsigned seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    auto const tensors = 1 + seed * 7 % 16;
    ranked_world world(tensors, 1 + seed * 5 % tensors, seed);
    for (int event = 0; event < 400; ++event) {
      std::uint32_t const id = world.any_id(seed % 2 == 0);
      if (world.random() % 4 == 0)
        world.erase(id);
      else
        world.touch(id);
      followed.insert(world.policy.order());
      if (world.random() % 3 == 0) continue;  // asked for none, or some, or all of them
      if (world.random() % 3 == 0) {
        auto next = world.policy.first_victim();
        for (auto count = world.random() % 4; next && count > 0; --count) next = world.policy.victim_after(*next);
        continue;
      }
      ASSERT_NO_FATAL_FAILURE(world.expect_ranked());
    }
  }
  EXPECT_GE(followed.size(), 4U);
}

TEST(use_rate, learns_nothing_from_a_tier_where_all_fits) {
  std::vector<std::uint64_t> const bytes(8, 1);
  use_rate policy(bytes);
  std::size_t const at_first = policy.order();
  policy.resized(8);
  std::mt19937 random(1);
  for (int i = 0; i < 1000; ++i) policy.touched(tensor_id{static_cast<std::uint32_t>(random() % 8)});
  EXPECT_EQ(policy.order(), at_first);
}

// Two popular tensors and a stream of others; room for three. Then the popular ones change.
TEST(use_rate, keeps_what_is_popular_through_a_stream_of_newcomers_and_forgets_it_later) {
  constexpr std::uint32_t tensors = 64;
  std::vector<std::uint64_t> const bytes(tensors, 1);
  use_rate policy(bytes);
  policy.resized(3);
  std::set<tensor_id> in;
  unsigned misses = 0;
  auto use = [&](std::uint32_t id) {
    if (!in.contains(tensor_id{id})) {
      ++misses;
      if (in.size() == 3) {
        tensor_id const victim = policy.first_victim().value();
        policy.erased(victim);
        in.erase(victim);
      }
      in.insert(tensor_id{id});
    }
    policy.touched(tensor_id{id});
  };
  auto misses_of = [&](std::uint32_t popular) {
    misses = 0;
    for (std::uint32_t i = 0; i < 600; ++i) {
      use(popular + i % 2);
      for (std::uint32_t j = 0; j < 3; ++j) use(4 + (3 * i + j) % (tensors - 4));
    }
    return misses;
  };
  EXPECT_LE(misses_of(0), 3 * 600U + 20);
  EXPECT_LE(misses_of(2), 3 * 600U + 100);
}

TEST(use_rate, of_no_tensors_has_no_victim) {
  EXPECT_EQ(use_rate(std::vector<std::uint64_t>{}).first_victim(), std::nullopt);
}

}  // namespace
}  // namespace tierpager
