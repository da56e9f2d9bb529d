#include <core/policy/use_rate.hpp>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>
#include <random>
#include <set>
#include <utility>

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
    aside_.erase(tensor_id{id});
  }
  void erase(std::uint32_t id) {
    policy.erased(tensor_id{id});
    in_.erase(tensor_id{id});
    aside_.erase(tensor_id{id});
  }
  void set_aside_or_put_back(std::uint32_t id) {
    if (random() % 2 == 0) {
      policy.put_back(tensor_id{id});
      aside_.erase(tensor_id{id});
    } else if (in_.contains(tensor_id{id})) {
      policy.set_aside(tensor_id{id});
      aside_.insert(tensor_id{id});
    }
  }
  void expect_ranked() const {
    auto const order = victims_of(policy);
    std::set<tensor_id> expected;
    std::set_difference(in_.begin(), in_.end(), aside_.begin(), aside_.end(), std::inserter(expected, expected.end()));
    ASSERT_EQ(std::set<tensor_id>(order.begin(), order.end()), expected);
    ASSERT_EQ(order.size(), expected.size());
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
  std::set<tensor_id> in_, aside_;
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
      else if (world.random() % 5 == 0)
        world.set_aside_or_put_back(id);
      else
        world.touch(id);
      followed.insert(world.policy.order());
      ASSERT_EQ(world.policy.order(), world.policy.aim());  // a small model changes over at once
      if (world.random() % 3 == 0) continue;                // asked for none, or some, or all of them
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

// Until all are ranked by the new order it evicts in the old one, whoever comes and goes meanwhile.
TEST(use_rate, changes_over_to_another_order_a_portion_at_a_time) {
  int changes = 0, looks_meanwhile = 0;
  for (unsigned seed = 0; seed < 8; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::uint32_t const tensors = 600 + 130 * seed;
    ranked_world world(tensors, 1 + tensors / (2 + seed % 3), seed);
    std::size_t order = world.policy.order();
    for (int event = 0; event < 4000; ++event) {
      bool const was_changing = world.policy.aim() != world.policy.order();
      std::uint32_t const id = world.any_id(seed % 2 == 0);
      if (auto const what = world.random() % 8; what == 0)
        world.erase(id);
      else if (what < 3)
        world.set_aside_or_put_back(id);
      else
        world.touch(id);
      bool const changing = world.policy.aim() != world.policy.order();
      changes += order != world.policy.order() ? 1 : 0;
      order = world.policy.order();
      if (!changing && !was_changing && event % 100 != 0) continue;
      looks_meanwhile += changing ? 1 : 0;
      ASSERT_NO_FATAL_FAILURE(world.expect_ranked());
    }
  }
  EXPECT_GE(changes, 10);
  EXPECT_GE(looks_meanwhile, 10 * changes);
}

// More are used than one eviction ranks anew, but those that came in since have seen to it.
TEST(use_rate, newcomers_bring_up_to_date_what_was_used_before) {
  constexpr std::uint32_t before = 2000, newcomers = before / use_rate::brought_up_a_newcomer;
  ranked_world world(before + newcomers, before + newcomers, 1);
  std::vector<std::uint32_t> ids(before);
  std::iota(ids.begin(), ids.end(), 0U);
  for (int pass = 0; pass < 3; ++pass) {
    for (std::uint32_t const id : ids) world.touch(id);
    std::shuffle(ids.begin(), ids.end(), world.random);
  }
  for (std::uint32_t i = 0; i < newcomers; ++i) world.touch(before + i);
  world.expect_ranked();
}

// A quarter of all is used for long, and then one quarter after another: the first is kept for too long.
TEST(use_rate, no_touch_looks_at_more_than_a_portion_of_a_large_model) {
  constexpr std::uint32_t tensors = 100'000, quarter = tensors / 4;
  use_rate policy(std::vector<std::uint64_t>(tensors, 1));
  policy.resized(quarter);
  std::uint32_t touches = 0;  // from the first that changes over
  auto use_quarter = [&](std::uint32_t which) {
    for (std::uint32_t i = 0; i < quarter; ++i) {
      policy.touched(tensor_id{which * quarter + i});
      if (touches > 0 && policy.aim() == policy.order()) return;
      if (policy.aim() != policy.order()) ++touches;
    }
  };
  for (std::uint32_t which = 0; which < 4; ++which) use_quarter(which);  // all are in
  for (int pass = 0; pass < 6; ++pass) use_quarter(0);
  for (std::uint32_t round = 0; round < 8 && touches == 0; ++round)
    for (int pass = 0; pass < 3 && touches == 0; ++pass) use_quarter(1 + round % 3);
  EXPECT_EQ(touches, (tensors - use_rate::first_portion + use_rate::next_portion - 1) / use_rate::next_portion);
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

// All were used since they were ranked, a little or a lot: a call ranks so many anew and makes do with the lowest of them,
// and yet a walk meets all of them once, and again in the same order.
TEST(rank_tree, ranks_a_bounded_number_anew_in_a_call_and_leaves_none_out) {
  constexpr std::uint32_t ids = 20'000;
  for (std::uint32_t const growth : {1U, 10U, 1000U}) {
    SCOPED_TRACE(growth);
    std::vector<eviction_rank> now(ids);
    rank_tree tree(ids);
    std::mt19937 random(growth);
    for (std::uint32_t id = 0; id < ids; ++id) {
      now[id] = {.key = static_cast<double>(random() % 1000), .last_use = id};
      tree.insert(id, now[id]);
    }
    for (eviction_rank& each : now)
      each = {.key = each.key + static_cast<double>(growth + random() % 1000), .last_use = each.last_use + ids};
    std::vector<std::uint32_t> ranked_anew, met;
    auto const outdated = [&](std::uint32_t id, std::uint64_t use) { return now[id].last_use != use; };
    auto const rank_now = [&](std::uint32_t id) {
      ranked_anew.push_back(id);
      return now[id];
    };
    std::uint32_t next = tree.lowest(outdated, rank_now);
    for (; next != rank_tree::none; next = tree.after(next, outdated, rank_now)) {
      ASSERT_LE(ranked_anew.size(), ranked_anew_max);
      for (std::uint32_t const id : ranked_anew) ASSERT_FALSE(now[id] < now[next]);
      if (met.empty() && growth == 1000) {
        EXPECT_EQ(ranked_anew.size(), ranked_anew_max);
      }
      ranked_anew.clear();
      met.push_back(next);
    }
    ASSERT_EQ(tree.lowest(outdated, rank_now), met.front());
    for (std::size_t i = 1; i < met.size(); ++i) ASSERT_EQ(tree.after(met[i - 1], outdated, rank_now), met[i]);
    EXPECT_TRUE(ranked_anew.empty());
    std::sort(met.begin(), met.end());
    EXPECT_EQ(std::adjacent_find(met.begin(), met.end()), met.end());
    EXPECT_EQ(met.size(), ids);
  }
}

TEST(use_rate, of_no_tensors_has_no_victim) {
  EXPECT_EQ(use_rate(std::vector<std::uint64_t>{}).first_victim(), std::nullopt);
}

}  // namespace
}  // namespace tierpager
