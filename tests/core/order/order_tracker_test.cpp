// Programs played to the tracker call by call: what it follows, from when on, and that it knows where it is.
#include <gtest/gtest.h>

#include <memory>
#include <numeric>
#include <random>
#include <set>

#include <core/order/order_tracker.hpp>

namespace tierpager::test {
namespace {

using call = std::vector<tensor_id>;
using calls = std::vector<call>;

calls scan(std::uint32_t first, std::uint32_t tensors) {
  calls made;
  for (std::uint32_t i = 0; i < tensors; ++i) made.push_back({tensor_id{first + i}});
  return made;
}

calls operator+(calls one, calls const& other) {
  one.insert(one.end(), other.begin(), other.end());
  return one;
}

calls operator*(int times, calls const& one) {
  calls made;
  while (times-- > 0) made = made + one;
  return made;
}

// Every handle is released before the next call but `held` more.
class program {
 public:
  explicit program(std::size_t tensors, std::size_t held = 0) : tracker(tensors), held_(held) {}

  program& operator<<(calls const& made) {
    for (call const& each : made) acquire(each);
    return *this;
  }
  void acquire(call const& ids) {
    if (!foretells(ids)) ++missed;
    std::uint64_t const version = tracker.version();
    auto const following = tracker.following();
    tracker.acquired(ids);
    EXPECT_EQ(following != tracker.following(), version != tracker.version());
    if (follows()) {
      EXPECT_LT(tracker.position(), tracker.following()->entries.size());
    }
    handles_.push_back(ids);
    while (handles_.size() > held_) {
      for (tensor_id const id : handles_.front()) tracker.released(id);
      handles_.erase(handles_.begin());
    }
  }
  [[nodiscard]] bool follows() const { return tracker.following() != nullptr; }
  /// Calls that the cycle foretells from here on.
  [[nodiscard]] std::size_t foretold(calls const& made) const {
    if (!follows()) return 0;
    std::size_t position = tracker.position(), count = 0;
    auto const& entries = tracker.following()->entries;
    for (call const& each : made) {
      std::multiset<tensor_id> next;
      std::uint32_t const number = entries[position].call;
      for (; position < entries.size() && entries[position].call == number; ++position)
        next.insert(entries[position].id);
      if (next != std::multiset<tensor_id>(each.begin(), each.end())) break;
      position %= entries.size();
      ++count;
    }
    return count;
  }
  [[nodiscard]] bool foretells(call const& made) const { return foretold({made}) == 1; }
  /// Follows a cycle that is `pass`, and is where it begins.
  testing::AssertionResult is_at_start_of(calls const& pass) const {
    if (!follows()) return testing::AssertionFailure() << "follows nothing";
    if (tracker.following()->calls != pass.size())
      return testing::AssertionFailure() << "a cycle of " << tracker.following()->calls;
    if (std::size_t const count = foretold(pass); count != pass.size())
      return testing::AssertionFailure() << "only " << count << " calls are foretold";
    return testing::AssertionSuccess();
  }

  order_tracker tracker;
  std::size_t missed = 0;

 private:
  std::size_t held_;
  std::vector<call> handles_;
};

std::set<tensor_id> tensors_of(acquire_order const& order) {
  std::set<tensor_id> ids;
  for (order_entry const& entry : order.entries) ids.insert(entry.id);
  return ids;
}

TEST(order_tracker, follows_a_scan_within_its_second_pass) {
  program caller(1000);
  caller << scan(0, 1000);
  EXPECT_FALSE(caller.follows());
  caller << scan(0, 125);
  ASSERT_TRUE(caller.follows());
  EXPECT_EQ(caller.tracker.position(), 125U);
  EXPECT_EQ(caller.tracker.following()->entries[1], (order_entry{tensor_id{1}, 1, 2}));
  caller << scan(125, 875);
  auto const version = caller.tracker.version();
  caller << 5 * scan(0, 1000);
  EXPECT_EQ(caller.tracker.version(), version);
  EXPECT_TRUE(caller.is_at_start_of(scan(0, 1000)));
}

TEST(order_tracker, follows_a_long_scan_after_an_eighth_of_its_second_pass) {
  program caller(20'000);
  caller << scan(0, 20'000) << scan(0, 2'500);
  EXPECT_EQ(caller.foretold(scan(2'500, 17'500)), 17'500U);
  caller << scan(2'500, 17'500) << scan(0, 20'000);
  EXPECT_EQ(caller.tracker.version(), 1U);
}

TEST(order_tracker, follows_cycles_of_every_small_size_within_two_repeats) {
  for (std::uint32_t size = 2; size < 80; ++size) {
    program caller(100);
    caller << 3 * scan(0, size);
    EXPECT_TRUE(caller.is_at_start_of(scan(0, size))) << size;
  }
}

TEST(order_tracker, tensors_used_again_in_a_pass_are_no_cycle_of_their_own) {
  // Tied embeddings first and last, and a tensor that every layer uses.
  calls pass = scan(0, 1);
  for (std::uint32_t layer = 0; layer < 40; ++layer) pass = pass + scan(1, 1) + scan(2 + 5 * layer, 5);
  pass = pass + scan(0, 1);
  program caller(300);
  caller << pass << calls(pass.begin(), pass.begin() + 40);
  EXPECT_EQ(caller.tracker.version(), 1U);
  EXPECT_EQ(caller.tracker.following()->calls, pass.size());
  caller << calls(pass.begin() + 40, pass.end());
  EXPECT_TRUE(caller.is_at_start_of(pass));
}

TEST(order_tracker, a_set_is_one_call_in_whatever_order) {
  calls pass, swapped;
  for (std::uint32_t layer = 0; layer < 20; ++layer) {
    call set;
    for (std::uint32_t i = 0; i < 7; ++i) set.push_back(tensor_id{8 * layer + i});
    pass.push_back(set);
    pass.push_back({tensor_id{8 * layer + 7}});
    std::swap(set[1], set[5]);
    swapped.push_back(set);
    swapped.push_back(pass.back());
  }
  program caller(200);
  caller << 2 * pass;
  EXPECT_TRUE(caller.is_at_start_of(pass));
  caller.missed = 0;
  caller << swapped << pass;
  EXPECT_EQ(caller.missed, 0U);
  EXPECT_EQ(caller.tracker.following()->entries[7], (order_entry{tensor_id{7}, 1, 2}));
  EXPECT_EQ(caller.tracker.following()->entries[6].call, 0U);
  // The same tensors one at a time are another order.
  caller << 2 * scan(0, 160);
  EXPECT_TRUE(caller.is_at_start_of(scan(0, 160)));
}

TEST(order_tracker, an_order_says_for_how_long_tensors_are_held) {
  program caller(100, 3);
  caller << 2 * scan(0, 100);
  ASSERT_TRUE(caller.is_at_start_of(scan(0, 100)));
  for (order_entry const& entry : caller.tracker.following()->entries) EXPECT_EQ(entry.until, entry.call + 4);
}

TEST(order_tracker, a_first_pass_that_keeps_its_handles_says_nothing_of_what_has_come_again) {
  program caller(100);
  for (call const& made : scan(0, 100)) caller.tracker.acquired(made);
  for (std::uint32_t i = 0; i < 100; ++i) caller.tracker.released(tensor_id{i});
  caller << scan(0, 100);
  ASSERT_TRUE(caller.is_at_start_of(scan(0, 100)));
  // It was learned when 32 had come again.
  for (order_entry const& entry : caller.tracker.following()->entries)
    EXPECT_EQ(entry.until, entry.call < 31 ? entry.call + 1 : 100) << entry.call;
}

TEST(order_tracker, a_tensor_acquired_again_while_it_is_held_is_held_until_its_last_use_ends) {
  calls const pass = scan(0, 40) + scan(3, 1) + scan(40, 59);
  program caller(100, 38);  // tensor 3 is released for the first time just after it is acquired again
  caller << 4 * pass;
  ASSERT_TRUE(caller.is_at_start_of(pass));
  EXPECT_EQ(caller.tracker.following()->entries[3].until, 40U);   // where the second use takes over
  EXPECT_EQ(caller.tracker.following()->entries[40].until, 79U);  // not with the release of the first
}

TEST(order_tracker, handles_that_are_kept_are_held_always) {
  program caller(100);
  caller.tracker.acquired(call{tensor_id{99}});
  caller << scan(0, 99) << scan(99, 1) << scan(0, 99) << scan(99, 1);
  ASSERT_TRUE(caller.follows());
  for (order_entry const& entry : caller.tracker.following()->entries)
    EXPECT_EQ(entry.until - entry.call, index_of(entry.id) == 99 ? 100U : 1U);
}

TEST(order_tracker, a_draft_and_its_target_are_one_cycle) {
  calls const draft = scan(0, 50), target = scan(50, 300), whole = 5 * draft + target;
  program caller(350);
  caller << 2 * draft;
  EXPECT_TRUE(caller.is_at_start_of(draft));
  caller << 3 * draft << target << 5 * draft << scan(50, 1);
  ASSERT_TRUE(caller.follows());
  EXPECT_EQ(caller.tracker.following()->calls, 550U);
  caller << scan(51, 299);
  EXPECT_TRUE(caller.is_at_start_of(whole));
  // Fewer and more drafts than usual do not end it.
  auto const version = caller.tracker.version();
  caller << 3 * draft << target << 7 * draft << target;
  EXPECT_TRUE(caller.is_at_start_of(whole));
  EXPECT_EQ(caller.tracker.version(), version);
}

TEST(order_tracker, a_draft_and_its_target_of_any_length_are_one_cycle) {
  for (std::uint32_t length = 20; length < 100; ++length) {
    calls const draft = scan(0, length), whole = 5 * draft + scan(length, 6 * length);
    program caller(700);
    caller << 3 * whole << draft << whole;
    EXPECT_TRUE(caller.is_at_start_of(whole)) << length;
  }
}

TEST(order_tracker, a_draft_that_is_used_alone_is_followed_again) {
  calls const draft = scan(0, 50), target = scan(50, 300);
  program caller(350);
  caller << 4 * (5 * draft + target);
  ASSERT_EQ(caller.tracker.following()->calls, 550U);
  caller << 14 * draft;  // more than the whole
  EXPECT_TRUE(caller.is_at_start_of(draft));
}

TEST(order_tracker, models_in_bursts_are_followed_in_turn) {
  for (int const burst : {3, 4, 7, 16}) {
    calls const one_model = scan(0, 100), other = scan(100, 80);
    program caller(180);
    caller << burst * one_model << burst * other;
    for (int round = 0; round < 4; ++round) {
      auto const version = caller.tracker.version();
      caller << scan(0, 1);
      EXPECT_EQ(tensors_of(*caller.tracker.following()).size(), 100U) << burst;
      EXPECT_EQ(caller.tracker.position(), 1U);
      caller << scan(1, 99) << (burst - 1) * one_model;
      EXPECT_TRUE(caller.is_at_start_of(one_model)) << burst;
      caller << scan(100, 1);
      EXPECT_EQ(caller.tracker.following()->calls, 80U) << burst;
      caller << scan(101, 79) << (burst - 1) * other;
      EXPECT_TRUE(caller.is_at_start_of(other)) << burst;
      EXPECT_EQ(caller.tracker.version(), version + 2);
    }
  }
}

TEST(order_tracker, passes_that_take_turns_are_one_cycle) {
  calls const forth = scan(0, 200);
  calls const back(forth.rbegin(), forth.rend());
  program caller(200);
  caller << 2 * (forth + back);
  EXPECT_TRUE(caller.is_at_start_of(forth + back));
}

TEST(order_tracker, a_changed_order_is_followed_within_two_repeats) {
  calls const before = scan(0, 320);
  calls after;  // the layers the other way round
  for (std::uint32_t layer = 32; layer-- > 0;) after = after + scan(layer * 10, 10);
  program caller(320);
  caller << 3 * before << 2 * after;
  EXPECT_TRUE(caller.is_at_start_of(after));
  // Both are known now, so either is recognised in less than a quarter of a pass.
  caller << scan(0, 80);
  EXPECT_EQ(caller.foretold(calls(before.begin() + 80, before.end())), 240U);
}

TEST(order_tracker, bears_a_few_calls_that_do_not_belong) {
  calls const pass = scan(0, 100);
  program caller(200);
  caller << 3 * pass;
  auto const version = caller.tracker.version();
  caller << scan(0, 10) << scan(150, 4) << scan(10, 40);  // strangers
  caller << scan(49, 3) << scan(60, 40);                  // a tensor again, and some left out
  EXPECT_EQ(caller.tracker.version(), version);
  EXPECT_TRUE(caller.is_at_start_of(pass));
  caller << scan(0, 10) << scan(160, 5);
  EXPECT_FALSE(caller.follows());
  caller << scan(10, 1);  // it is known still
  EXPECT_EQ(caller.foretold(scan(11, 89)), 89U);
}

TEST(order_tracker, is_back_where_it_left_a_model_that_uses_a_tensor_first_and_last) {
  calls const tied = scan(0, 60) + scan(0, 1), other = scan(60, 60);
  program caller(120);
  caller << calls(tied.begin() + 1, tied.end()) << 16 * tied << 16 * other << scan(0, 1);
  EXPECT_EQ(caller.foretold(calls(tied.begin() + 1, tied.end())), 60U);
}

TEST(order_tracker, knows_the_eight_cycles_followed_last) {
  program caller(1000);
  for (std::uint32_t i = 0; i < 10; ++i) caller << 3 * scan(100 * i, 100);
  caller << scan(200, 1);
  EXPECT_EQ(caller.foretold(scan(201, 99)), 99U);
  caller << scan(100, 5);
  EXPECT_FALSE(caller.follows());
}

TEST(order_tracker, a_declared_order_is_followed_at_once) {
  acquire_order order;
  for (std::uint32_t i = 0; i < 50; ++i) order.entries.push_back({tensor_id{i}, i / 2, i / 2 + 2});
  order.calls = 25;
  program caller(100);
  caller.tracker.declare(std::make_unique<access_cycle>(order, 100));
  ASSERT_TRUE(caller.follows());
  EXPECT_EQ(*caller.tracker.following(), order);
  EXPECT_EQ(caller.tracker.position(), 0U);
  caller << calls{{tensor_id{20}, tensor_id{21}}};  // begins elsewhere
  EXPECT_EQ(caller.tracker.position(), 22U);
  calls pass;
  for (std::uint32_t i = 0; i < 50; i += 2) pass.push_back({tensor_id{i}, tensor_id{i + 1}});
  caller << calls(pass.begin() + 11, pass.end()) << 2 * pass;
  EXPECT_TRUE(caller.is_at_start_of(pass));
  EXPECT_EQ(caller.tracker.version(), 1U);
  // Where it does not hold, what is done instead is learned; it stays known.
  caller << 3 * scan(50, 40);
  EXPECT_TRUE(caller.is_at_start_of(scan(50, 40)));
  caller << calls{{tensor_id{20}, tensor_id{21}}};
  EXPECT_EQ(caller.tracker.following()->calls, 25U);
  caller.tracker.declare({});
  EXPECT_FALSE(caller.follows());
  caller << calls{{tensor_id{20}, tensor_id{21}}};
  EXPECT_FALSE(caller.follows());
}

}  // namespace
}  // namespace tierpager::test
