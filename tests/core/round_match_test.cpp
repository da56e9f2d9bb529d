// That a round is a known cycle is seen from wherever it begins, in portions of any size, while the program goes on.
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include <core/round_match.hpp>

namespace tierpager::test {
namespace {

// Calls of one tensor each.
acquire_history acquired(std::vector<std::uint32_t> const& ids, std::uint32_t times) {
  acquire_history made(100);
  while (times-- > 0)
    for (std::uint32_t const id : ids) made.append(id | call_begins);
  return made;
}

std::unique_ptr<known_cycle> cycle(std::vector<std::uint32_t> const& ids) {
  acquire_order order;
  for (std::uint32_t const id : ids) {
    order.entries.push_back({.id = tensor_id{id}, .call = order.calls, .until = order.calls + 1});
    ++order.calls;
  }
  return known_cycle::of(std::move(order), 100);
}

// Portions of so many entries, each followed by as many calls that go on with the cycle.
void match(round_match& one, acquire_history& history, std::vector<std::uint32_t> const& ids, std::uint32_t portion) {
  for (std::size_t i = 0;; ++i) {
    auto work = work_portion(portion);
    if (one.go_on(work)) return;
    ASSERT_LT(i, 1000U);
    history.append(ids[i % ids.size()] | call_begins);
  }
}

std::vector<std::uint32_t> const pass{1, 2, 3, 4, 1, 2, 3, 5, 6};
std::vector<std::uint32_t> const another{1, 2, 3, 4, 1, 2, 3, 6, 5};

TEST(round_match, finds_the_cycle_and_what_was_next) {
  for (std::uint32_t const portion : {1U, 2U, 5U, 1000U}) {
    for (std::uint32_t begin = 0; begin < pass.size(); ++begin) {
      std::vector<std::uint32_t> round;
      for (std::uint32_t i = 0; i < pass.size(); ++i) round.push_back(pass[(begin + i) % pass.size()]);
      auto history = acquired(round, 2);
      auto const other = cycle(another), right = cycle(pass);
      round_match one(repeated_round(history, 9), {other.get(), right.get()});
      match(one, history, round, portion);
      EXPECT_EQ(one.found(), right.get()) << portion;
      EXPECT_EQ(one.next(), begin) << portion;
    }
  }
}

TEST(round_match, takes_no_other_cycle_for_it) {
  for (std::uint32_t const portion : {1U, 3U, 1000U}) {
    auto history = acquired(pass, 2);
    auto const other = cycle(another);
    round_match one(repeated_round(history, 9), {other.get()});
    match(one, history, pass, portion);
    EXPECT_EQ(one.found(), nullptr) << portion;
  }
}

TEST(round_match, of_several_places_takes_that_at_which_the_cycle_was_left) {
  std::vector<std::uint32_t> const twice{1, 2, 3, 1, 2, 3};
  for (std::uint32_t const portion : {1U, 4U, 1000U}) {
    auto history = acquired(twice, 2);
    auto const known = cycle(twice);
    round_match one(repeated_round(history, 6), {known.get()});
    match(one, history, twice, portion);
    EXPECT_EQ(one.next(), 3U) << portion;
    auto later = acquired(twice, 2);
    known->left_at = 5;
    round_match again(repeated_round(later, 6), {known.get()});
    match(again, later, twice, portion);
    EXPECT_EQ(again.next(), 0U) << portion;
  }
}

}  // namespace
}  // namespace tierpager::test
