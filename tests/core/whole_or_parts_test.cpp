// Which is better, a cycle or the ones that it consists of, is found out in portions of any size alike.
#include <gtest/gtest.h>

#include <vector>

#include <core/whole_or_parts.hpp>

namespace tierpager::test {
namespace {

struct part {
  std::uint32_t first, tensors, times;
};

std::vector<std::uint32_t> round_of(std::vector<part> const& parts) {
  std::vector<std::uint32_t> made;
  for (part const& one : parts)
    for (std::uint32_t i = 0; i < one.tensors * one.times; ++i) made.push_back(one.first + i % one.tensors);
  return made;
}

// The same in portions of one entry, of a few and at once; the program goes on with the round meanwhile.
bool whole_is_better(std::vector<part> const& parts, std::vector<std::uint32_t> const& shorter) {
  auto const ids = round_of(parts);
  std::vector<bool> better;
  for (std::uint32_t const portion : {1U, 7U, 100'000U}) {
    acquire_history history(1000);
    for (int pass = 0; pass < 2; ++pass)
      for (std::uint32_t const id : ids) history.append(id | call_begins);
    whole_or_parts one(repeated_round(history, static_cast<std::uint32_t>(ids.size())), shorter);
    for (std::size_t i = 0;; ++i) {
      auto work = work_portion(portion);
      if (one.go_on(work)) break;
      history.append(ids[i % ids.size()] | call_begins);
    }
    better.push_back(one.whole_is_better());
  }
  EXPECT_EQ(better, std::vector<bool>(3, better.front()));
  return better.front();
}

TEST(whole_or_parts, a_draft_and_its_target_are_better_as_a_whole) {
  EXPECT_TRUE(whole_is_better({{0, 30, 5}, {30, 100, 1}}, {30}));
}

TEST(whole_or_parts, models_that_take_turns_for_many_passes_are_better_in_parts) {
  EXPECT_FALSE(whole_is_better({{0, 30, 16}, {30, 50, 16}}, {30, 50}));
  EXPECT_FALSE(whole_is_better({{0, 30, 5}, {30, 50, 5}}, {50, 30}));
}

TEST(whole_or_parts, one_model_that_takes_turns_with_others_is_better_as_a_whole) {
  EXPECT_TRUE(whole_is_better({{0, 30, 2}, {30, 50, 1}}, {30, 50}));
  EXPECT_TRUE(whole_is_better({{0, 30, 1}, {30, 50, 1}}, {30, 50}));
}

TEST(whole_or_parts, what_belongs_to_a_part_belongs_to_no_longer_one) {
  EXPECT_TRUE(whole_is_better({{0, 30, 4}, {50, 40, 1}, {0, 30, 2}, {90, 41, 1}}, {30, 60}));
}

TEST(whole_or_parts, several_rounds_of_a_part_are_no_whole) {
  EXPECT_FALSE(whole_is_better({{0, 30, 4}}, {30}));
  EXPECT_FALSE(whole_is_better({{0, 30, 4}}, {7, 30}));
}

TEST(whole_or_parts, what_consists_of_nothing_known_is_a_whole) {
  EXPECT_TRUE(whole_is_better({{0, 30, 4}, {30, 50, 4}}, {}));
  EXPECT_TRUE(whole_is_better({{0, 30, 4}, {30, 50, 4}}, {29, 170}));
}

}  // namespace
}  // namespace tierpager::test
