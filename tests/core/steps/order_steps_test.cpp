// What the order tracker does under the pager's lock: the basic blocks that its longest call takes. Learning a cycle is
// linear in its entries; nothing else grows with it.
#include <gtest/gtest.h>

#include <algorithm>
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
  void declare(calls const& made) {
    acquire_order order;
    for (auto const& ids : made) {
      for (tensor_id const id : ids) order.entries.push_back({.id = id, .call = order.calls, .until = order.calls + 1});
      ++order.calls;
    }
    auto cycle = access_cycle::of(std::move(order), made.size());
    note("declare", counted([&] { tracker_.declare(std::move(cycle)); }));
  }
  [[nodiscard]] std::size_t entries_followed() const {
    auto const following = tracker_.following();
    return following ? following->entries.size() : 0;
  }
  /// By what was called; acquires that were foretold are counted apart.
  [[nodiscard]] std::map<std::string, std::uint64_t> const& most() const { return most_; }

 private:
  void use(std::vector<tensor_id> const& ids) {
    auto const following = tracker_.following();
    std::size_t const position = tracker_.position();
    std::uint64_t const taken = counted([&] { tracker_.acquired(ids); });
    bool const foretold = following && following == tracker_.following() &&
                          tracker_.position() == (position + ids.size()) % following->entries.size();
    note(foretold ? "acquired as foretold" : "acquired", taken);
    note("entries_until", counted([&] { (void)tracker_.entries_until(ids.front()); }));
    for (tensor_id const id : ids) note("released", counted([&] { tracker_.released(id); }));
  }
  template <typename Call>
  std::uint64_t counted(Call const& call) {
    std::uint64_t const before = steps;
    call();
    return steps - before;
  }
  void note(char const* what, std::uint64_t taken) {
    std::uint64_t& most = most_[what];
    most = std::max(most, taken);
  }

  order_tracker tracker_;
  std::map<std::string, std::uint64_t> most_;
};

// Plays it with cycles of so many entries. Learning a scan takes some 170 blocks an entry.
void expect_linear(std::function<void(counted_tracker&, std::uint32_t)> const& play) {
  std::map<std::string, std::uint64_t> most[2];
  std::uint32_t const sizes[2] = {8192, 65536};
  for (int large : {0, 1}) {
    counted_tracker tracker(sizes[large]);
    play(tracker, sizes[large]);
    most[large] = tracker.most();
    EXPECT_LT(most[large].at("acquired"), 256U * sizes[large]);
  }
  for (auto const& [call, least] : most[0])
    if (call != "acquired") {
      EXPECT_LT(most[1].at(call), least + least / 2) << call << ' ' << least;
    }
}

TEST(order_steps, of_learning_a_scan_are_linear) {
  expect_linear([](counted_tracker& tracker, std::uint32_t entries) {
    for (int i = 0; i < 3; ++i) tracker << scan(0, entries);
    EXPECT_EQ(tracker.entries_followed(), entries);
  });
}

TEST(order_steps, of_learning_sets_are_linear) {
  expect_linear([](counted_tracker& tracker, std::uint32_t entries) {
    for (int i = 0; i < 3; ++i) tracker << scan(0, entries, 16);
    EXPECT_EQ(tracker.entries_followed(), entries);
  });
}

TEST(order_steps, of_following_another_cycle_are_linear) {
  expect_linear([](counted_tracker& tracker, std::uint32_t entries) {
    calls const forth = scan(0, entries), back(forth.rbegin(), forth.rend());
    tracker.declare(forth);
    tracker << forth;
    for (int i = 0; i < 3; ++i) tracker << back;
    for (int i = 0; i < 3; ++i) tracker << forth;
    for (int i = 0; i < 2; ++i) tracker << back;
    EXPECT_EQ(tracker.entries_followed(), entries);
  });
}

TEST(order_steps, of_a_draft_and_its_target_are_linear) {
  expect_linear([](counted_tracker& tracker, std::uint32_t entries) {
    calls const draft = scan(0, entries / 16), target = scan(entries / 16, entries / 16 * 11);
    calls const drafts = draft + draft + draft + draft + draft;
    for (int i = 0; i < 4; ++i) tracker << drafts << target;
    EXPECT_EQ(tracker.entries_followed(), entries);
    tracker << draft << drafts << target << drafts << target;
    EXPECT_EQ(tracker.entries_followed(), entries);
  });
}

TEST(order_steps, of_tensors_used_ever_again_are_linear) {
  expect_linear([](counted_tracker& tracker, std::uint32_t entries) {
    calls layers;
    for (std::uint32_t i = 1; i <= entries / 2; ++i) layers = std::move(layers) + scan(0, 1) + scan(i, 1);
    for (int i = 0; i < 4; ++i) tracker << layers;
    EXPECT_EQ(tracker.entries_followed(), entries);
  });
}

}  // namespace
}  // namespace tierpager::test
