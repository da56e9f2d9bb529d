// What the order tracker does under the pager's lock: the basic blocks that its longest call takes, with cycles of
// 8,192 entries and of 65,536. It may not grow, whatever has to be found, learned, compared or made anew.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <core/order_tracker.hpp>
#include <tests/core/scans.hpp>

namespace {
std::uint64_t steps = 0;
}
extern "C" void __sanitizer_cov_trace_pc() { ++steps; }  // NOLINT: gcc's name for it

namespace tierpager::test {
namespace {

class counted_tracker {
 public:
  explicit counted_tracker(std::size_t tensors) : tracker_(tensors) {}

  counted_tracker& operator<<(calls const& made) {
    for (auto const& ids : made) use(ids);
    return *this;
  }
  /// From here on, so many calls pass before a handle is released.
  void hold(std::size_t calls) { held_ = calls; }
  void declare(calls const& made) {
    acquire_order order;
    for (auto const& ids : made) {
      for (tensor_id const id : ids) order.entries.push_back({.id = id, .call = order.calls, .until = order.calls + 1});
      ++order.calls;
    }
    auto cycle = known_cycle::of(std::move(order), made.size());
    counted("declare", [&] { tracker_.declare(std::move(cycle)); });
  }
  [[nodiscard]] std::size_t entries_followed() const {
    auto const following = tracker_.following();
    return following ? following->entries.size() : 0;
  }
  [[nodiscard]] std::uint32_t first_hold() const { return tracker_.following()->entries.front().until; }
  [[nodiscard]] std::map<std::string, std::uint64_t> const& most() const { return most_; }

 private:
  void use(std::vector<tensor_id> const& ids) {
    bool next = false;
    counted("acquired_next", [&] { next = ids.size() == 1 && tracker_.acquired_next(ids.front()); });
    if (!next) counted("acquired", [&] { tracker_.acquired(ids); });
    counted("entries_until", [&] { (void)tracker_.entries_until(ids.front()); });
    handles_.push_back(ids);
    for (; handles_.size() > held_; handles_.pop_front())
      for (tensor_id const id : handles_.front()) counted("released", [&] { tracker_.released(id); });
  }
  template <typename Call>
  void counted(char const* what, Call const& call) {
    std::uint64_t const before = steps;
    call();
    std::uint64_t& most = most_[what];
    most = std::max(most, steps - before);
  }

  order_tracker tracker_;
  std::size_t held_ = 0;
  std::deque<std::vector<tensor_id>> handles_;
  std::map<std::string, std::uint64_t> most_;
};

// Plays it with cycles of so many entries.
void expect_alike(std::function<void(counted_tracker&, std::uint32_t)> const& play) {
  std::map<std::string, std::uint64_t> most[2];
  std::uint32_t const sizes[2] = {8192, 65536};
  for (int large : {0, 1}) {
    counted_tracker tracker(sizes[large]);
    play(tracker, sizes[large]);
    most[large] = tracker.most();
  }
  for (auto const& [call, least] : most[0]) EXPECT_LT(most[1].at(call), least + least / 2) << call << ' ' << least;
}

TEST(order_steps, of_learning_a_scan_do_not_grow_with_it) {
  expect_alike([](counted_tracker& tracker, std::uint32_t entries) {
    for (int i = 0; i < 2; ++i) tracker << scan(0, entries);
    EXPECT_EQ(tracker.entries_followed(), entries);
  });
}

TEST(order_steps, of_learning_sets_do_not_grow_with_the_cycle) {
  expect_alike([](counted_tracker& tracker, std::uint32_t entries) {
    for (int i = 0; i < 2; ++i) tracker << scan(0, entries, 16);
    EXPECT_EQ(tracker.entries_followed(), entries);
  });
}

TEST(order_steps, of_taking_up_other_holds_do_not_grow_with_the_cycle) {
  expect_alike([](counted_tracker& tracker, std::uint32_t entries) {
    for (int i = 0; i < 2; ++i) tracker << scan(0, entries);
    EXPECT_EQ(tracker.first_hold(), 1U);
    tracker.hold(3);
    for (int i = 0; i < 3; ++i) tracker << scan(0, entries);
    EXPECT_EQ(tracker.first_hold(), 4U);
  });
}

TEST(order_steps, of_following_another_cycle_do_not_grow_with_either) {
  expect_alike([](counted_tracker& tracker, std::uint32_t entries) {
    calls const forth = scan(0, entries), back(forth.rbegin(), forth.rend());
    tracker.declare(forth);
    tracker << forth;
    for (int i = 0; i < 3; ++i) tracker << back;
    for (int i = 0; i < 3; ++i) tracker << forth;
    for (int i = 0; i < 2; ++i) tracker << back;
    EXPECT_EQ(tracker.entries_followed(), entries);
  });
}

// Whether the draft is only a part, and whether the whole is better than its parts, is a matter of all its entries.
TEST(order_steps, of_a_draft_and_its_target_do_not_grow_with_them) {
  expect_alike([](counted_tracker& tracker, std::uint32_t entries) {
    calls const draft = scan(0, entries / 16), target = scan(entries / 16, entries / 16 * 11);
    calls const drafts = draft + draft + draft + draft + draft;
    for (int i = 0; i < 4; ++i) tracker << drafts << target;
    EXPECT_EQ(tracker.entries_followed(), entries);
    tracker << draft << drafts << target << drafts << target;
    EXPECT_EQ(tracker.entries_followed(), entries);
  });
}

TEST(order_steps, of_tensors_used_ever_again_do_not_grow_with_the_cycle) {
  expect_alike([](counted_tracker& tracker, std::uint32_t entries) {
    calls layers;
    for (std::uint32_t i = 1; i <= entries / 2; ++i) layers = std::move(layers) + scan(0, 1) + scan(i, 1);
    for (int i = 0; i < 4; ++i) tracker << layers;
    EXPECT_EQ(tracker.entries_followed(), entries);
  });
}

}  // namespace
}  // namespace tierpager::test
