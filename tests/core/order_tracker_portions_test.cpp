// Cycles that are too long for one call: they are found, learned and given other holds by the calls that follow, and
// come out as if one call had done it.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <limits>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

#include <core/order_tracker.hpp>
#include <tests/core/scans.hpp>

namespace tierpager::test {
namespace {

using call = std::vector<tensor_id>;

constexpr std::uint32_t unlimited = std::numeric_limits<std::uint32_t>::max();

class program {
 public:
  explicit program(std::size_t tensors, std::uint32_t work_a_call = order_tracker::default_work_a_call)
      : tracker(tensors, work_a_call) {}

  program& operator<<(calls const& made) {
    for (call const& one : made) use(one);
    return *this;
  }
  void use(call const& ids) {
    auto const version = tracker.version();
    auto const following = tracker.following();
    if (ids.size() == 1 && tracker.acquired_next(ids.front())) {
      EXPECT_EQ(version, tracker.version());
    } else {
      tracker.acquired(ids);
    }
    EXPECT_EQ(following != tracker.following(), version != tracker.version());
    call kept;
    for (tensor_id const id : ids) {
      if (index_of(id) % held_each == 0)
        kept.push_back(id);
      else
        tracker.released(id);
    }
    handles_.push_back(kept);
    for (; handles_.size() > held; handles_.pop_front())
      for (tensor_id const id : handles_.front()) tracker.released(id);
  }
  /// How many of the calls are made until a cycle of so many entries is followed; all of them if it never is.
  std::size_t calls_until_followed(calls const& made, std::size_t entries) {
    for (std::size_t i = 0; i < made.size(); ++i) {
      if (entries_followed() == entries) return i;
      use(made[i]);
    }
    return made.size();
  }
  [[nodiscard]] std::size_t entries_followed() const {
    auto const following = tracker.following();
    return following ? following->entries.size() : 0;
  }
  /// The cycle as it is from here on: what is acquired by which call from now, and for how many calls it is held.
  [[nodiscard]] std::vector<order_entry> foretold() const {
    std::vector<order_entry> made;
    auto const following = tracker.following();
    if (!following) return made;
    auto const& entries = following->entries;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      order_entry one = entries[(tracker.position() + i) % entries.size()];
      one.until -= one.call;
      one.call = (one.call + following->calls - entries[tracker.position()].call) % following->calls;
      made.push_back(one);
    }
    return made;
  }
  [[nodiscard]] bool foretells(call const& ids) const {
    auto const next = foretold();
    return next.size() >= ids.size() &&
           std::ranges::equal(ids, std::span(next).first(ids.size()), {}, {}, &order_entry::id);
  }

  order_tracker tracker;
  std::size_t held = 0;         // calls that a handle outlives
  std::uint32_t held_each = 1;  // where its tensor is a multiple of that

 private:
  std::deque<call> handles_;
};

calls random_cycle(std::mt19937& random, std::uint32_t tensors) {
  auto const below = [&](std::uint32_t limit) { return static_cast<std::uint32_t>(random() % limit); };
  std::vector<std::uint32_t> ids(tensors / 2 + below(tensors / 2));
  std::iota(ids.begin(), ids.end(), below(tensors - static_cast<std::uint32_t>(ids.size())));
  std::ranges::shuffle(ids, random);
  for (std::uint32_t again = below(30); again > 0; --again) {
    std::uint32_t const one = ids[below(static_cast<std::uint32_t>(ids.size()))];
    ids.insert(ids.begin() + below(static_cast<std::uint32_t>(ids.size())), one);
  }
  std::uint32_t const sets = 1 + below(4);
  calls made;
  for (std::uint32_t const id : ids) {
    bool const twice = !made.empty() && std::ranges::count(made.back(), tensor_id{id}) != 0;
    if (made.empty() || twice || below(sets) == 0) made.emplace_back();
    made.back().push_back(tensor_id{id});
  }
  for (call& ids_of_one : made) std::ranges::sort(ids_of_one);
  return made;
}

TEST(order_tracker_portions, give_the_cycle_that_one_call_gives) {
  for (std::uint32_t seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    program at_once(400, unlimited), in_portions(400, 1 + seed % 40);
    calls const pass = random_cycle(random, 400);
    at_once.held = in_portions.held = random() % 5;
    std::size_t const from = random() % pass.size();
    calls const begun(pass.begin() + static_cast<std::ptrdiff_t>(from), pass.end());
    at_once << begun << pass << pass;
    in_portions << begun << pass << pass;
    ASSERT_TRUE(at_once.tracker.following()) << seed;
    ASSERT_TRUE(in_portions.tracker.following()) << seed;
    ASSERT_EQ(*at_once.tracker.following(), *in_portions.tracker.following()) << seed;
    ASSERT_EQ(at_once.tracker.position(), in_portions.tracker.position()) << seed;
    auto const next = in_portions.foretold();
    for (std::uint32_t i = 0; i < 400; ++i) {
      auto const found = std::ranges::find(next, tensor_id{i}, &order_entry::id);
      auto const until = in_portions.tracker.entries_until(tensor_id{i});
      ASSERT_EQ(until.has_value(), found != next.end()) << seed;
      if (until) {
        ASSERT_EQ(*until, static_cast<std::uint32_t>(found - next.begin())) << seed;
      }
    }
  }
}

// Where the program had moved on, a cycle may begin elsewhere; what it foretells is the same.
TEST(order_tracker_portions, foretell_the_same_where_cycles_take_turns) {
  std::size_t alike = 0, all = 0;
  for (std::uint32_t seed = 0; seed < 100; ++seed) {
    std::mt19937 random(seed);
    program at_once(400, unlimited), in_portions(400, 20 + seed % 40);
    std::vector<calls> passes;
    for (int i = 0; i < 3; ++i) passes.push_back(random_cycle(random, 400));
    at_once.held = in_portions.held = random() % 3;
    for (int turn = 0; turn < 12; ++turn) {
      calls const& pass = passes[random() % passes.size()];
      for (int i = 0; i < 6; ++i) {
        at_once << pass;
        in_portions << pass;
      }
      ++all;
      alike += at_once.foretold() == in_portions.foretold();
      ASSERT_TRUE(in_portions.foretells(pass.front())) << seed;
    }
  }
  EXPECT_GE(alike, all * 95 / 100);  // the two may look at holds in different rounds
}

TEST(order_tracker_portions, follow_a_draft_and_its_target_as_one_call_does) {
  for (std::uint32_t seed = 0; seed < 60; ++seed) {
    std::uint32_t const length = 40 + seed;
    calls const draft = scan(0, length), target = scan(length, 6 * length);
    calls const whole = draft + draft + draft + draft + draft + target;
    program at_once(700, unlimited), in_portions(700, 16 + seed);
    for (program* one : {&at_once, &in_portions}) *one << whole << whole << whole << draft << whole;
    ASSERT_EQ(at_once.entries_followed(), whole.size());
    ASSERT_EQ(at_once.foretold(), in_portions.foretold()) << seed;
  }
}

TEST(order_tracker_portions, of_a_long_cycle_are_few_and_lose_no_place) {
  for (std::uint32_t const set : {1U, 16U}) {
    program one(20'000);
    calls const pass = scan(0, 20'000, set);
    std::size_t const enough = pass.size() + pass.size() / 8;
    std::size_t const made = one.calls_until_followed(pass + pass, 20'000);
    EXPECT_GT(made, enough);
    EXPECT_LE(made, enough + 160);
    for (std::size_t i = made % pass.size(); i < pass.size(); i += 1000) {
      EXPECT_TRUE(one.foretells(pass[i])) << i;
      one << calls(pass.begin() + static_cast<std::ptrdiff_t>(i),
                   pass.begin() + static_cast<std::ptrdiff_t>(std::min(i + 1000, pass.size())));
    }
    one << pass;
    EXPECT_EQ(one.tracker.version(), 1U);
    EXPECT_EQ(one.tracker.following()->entries.front(), (order_entry{tensor_id{0}, 0, 1}));
  }
}

TEST(order_tracker_portions, of_a_repetition_that_breaks_off_are_dropped) {
  program one(40'000);
  one << scan(0, 20'000) << scan(0, 2'550);  // enough, but not learned so soon
  ASSERT_FALSE(one.tracker.following());
  one << scan(20'000, 5'000);
  EXPECT_EQ(one.tracker.version(), 0U);
  one << scan(0, 20'000) << scan(0, 20'000) << scan(0, 20'000);
  EXPECT_EQ(one.entries_followed(), 20'000U);
}

TEST(order_tracker_portions, of_a_repetition_that_broke_off_begin_later_the_next_time) {
  program one(40'000);
  one << scan(0, 20'000) << scan(0, 2'550) << scan(20'000, 10) << scan(2'560, 4'000);  // an eighth since
  EXPECT_EQ(one.tracker.version(), 0U);
  one << scan(6'560, 1'200);  // and a quarter
  EXPECT_EQ(one.entries_followed(), 20'000U);
}

TEST(order_tracker_portions, of_other_holds_are_put_in_force_together) {
  program one(20'000);
  calls const pass = scan(0, 20'000);
  one << pass << pass;
  ASSERT_EQ(one.entries_followed(), 20'000U);
  auto const before = one.tracker.version();
  one.held = 3;
  one.held_each = 10;
  one << pass;
  EXPECT_EQ(one.tracker.version(), before);
  one << scan(0, 40);
  EXPECT_EQ(one.tracker.version(), before + 1);
  for (order_entry const& entry : one.tracker.following()->entries)
    ASSERT_EQ(entry.until - entry.call, entry.call % 10 == 0 ? 4U : 1U) << entry.call;
  EXPECT_EQ(one.tracker.position(), 40U);
}

TEST(order_tracker_portions, of_other_holds_are_dropped_with_the_course) {
  program one(30'000);
  calls const pass = scan(0, 20'000);
  one << pass << pass;
  one.held = 3;
  one << pass << scan(0, 3) << scan(20'000, 10);
  ASSERT_FALSE(one.tracker.following());
  one << scan(3, 19'997);  // a round with a gap says nothing of the holds in it
  EXPECT_EQ(one.tracker.following()->entries[9].until, 10U);
  one << pass << scan(0, 40);
  EXPECT_EQ(one.tracker.following()->entries[9].until, 13U);
}

TEST(order_tracker_portions, of_one_cycle_are_not_given_up_for_a_known_one) {
  program one(21'000);
  calls const short_pass = scan(20'000, 47);
  calls const pass = scan(0, 2'530) + short_pass + scan(2'530, 17'470);
  for (int i = 0; i < 10; ++i) one << short_pass;
  one << pass << scan(0, 2'520);
  auto const version = one.tracker.version();
  ASSERT_FALSE(one.tracker.following());
  one << scan(2'520, 10) << short_pass << scan(2'530, 17'470);
  EXPECT_EQ(one.entries_followed(), pass.size());
  EXPECT_EQ(one.tracker.version(), version + 1);
}

TEST(order_tracker_portions, are_dropped_when_an_order_is_declared) {
  program one(20'000);
  one << scan(0, 20'000) << scan(0, 2'550);
  ASSERT_FALSE(one.tracker.following());
  acquire_order order;
  for (std::uint32_t i = 0; i < 20'000; ++i) order.entries.push_back({tensor_id{i}, i, i + 1});
  order.calls = 20'000;
  one.tracker.declare(known_cycle::of(order, 20'000));
  one << scan(2'550, 17'450) << scan(0, 20'000);
  EXPECT_EQ(one.tracker.version(), 1U);
  EXPECT_EQ(one.entries_followed(), 20'000U);
}

}  // namespace
}  // namespace tierpager::test
