// Every case of at most three tensors and two requests, in every order that the bounds below leave, enumerated.
#include <cstdio>

#include <gtest/gtest.h>

#include <tests/core/residency/simulation/driver.hpp>

namespace tierpager::simulation {
namespace {

struct bounds {
  std::uint32_t tensors_most;
  std::vector<std::uint64_t> tensor_bytes;
  std::vector<std::uint64_t> vram_budgets, ram_budgets;
  bool pins = false;
  bool ram_requests = false;
  bool failures = false;
};

std::vector<tensor_id> any_subset(chooser& choices, std::uint32_t tensors, bool may_be_empty) {
  std::uint32_t const least = may_be_empty ? 0 : 1;
  std::uint32_t const bits = least + choices.choose((1U << tensors) - least);
  std::vector<tensor_id> ids;
  for (std::uint32_t i = 0; i < tensors; ++i) {
    if ((bits >> i & 1U) != 0) ids.push_back(tensor_id{i});
  }
  return ids;
}

setup any_setup(chooser& choices, bounds const& limits) {
  setup made;
  made.tensors.add_file("model");
  std::uint32_t const tensors = 1 + choices.choose(limits.tensors_most);
  for (std::uint32_t i = 0; i < tensors; ++i) {
    std::uint64_t const bytes = choices.one_of(limits.tensor_bytes);
    (void)made.tensors.add({.name = "t" + std::to_string(i), .dtype = "I8", .shape = {bytes}, .bytes = bytes});
  }
  made.options.vram = {.budget_bytes = choices.one_of(limits.vram_budgets), .granule_bytes = 2};
  made.options.ram = {.budget_bytes = choices.one_of(limits.ram_budgets), .granule_bytes = 2};
  made.options.chunk_bytes = 2;
  return made;
}

/// One step: some answer that is owed, or a release. False where there is nothing to do.
bool step(driver& play, chooser& choices) {
  auto const pending = play.pending_answers();
  auto const answers = static_cast<std::uint32_t>(pending.size());
  auto const handles = static_cast<std::uint32_t>(play.handles().size());
  if (answers + handles == 0) return false;
  std::uint32_t const which = choices.deviate(answers + handles);
  if (which < answers)
    play.give(pending[which]);
  else
    play.release(which - answers, driver::last_use::fenced, 1 + which % 2);
  return true;
}

void play_case(chooser& choices, bounds const& limits, std::string* trace) {
  setup const options = any_setup(choices, limits);
  auto const tensors = static_cast<std::uint32_t>(options.tensors.size());
  faults const failing = limits.failures ? faults{.read = 1, .copy = 1, .remap = 1, .settle = 1} : faults{};
  driver play(options, choices, failing, trace);
  if (limits.pins) {
    auto const pins = any_subset(choices, tensors, true);
    if (!pins.empty()) (void)play.pin(pins, limits.ram_requests && choices.choose(2) == 1 ? tier::ram : tier::vram);
  }
  auto const any_tier = [&] { return limits.ram_requests && choices.choose(2) == 1 ? tier::ram : tier::vram; };
  (void)play.acquire(any_subset(choices, tensors, false), any_tier(), owner_id{0});
  // The second request comes before any answer, or so many steps later.
  for (std::uint32_t before = choices.deviate(4); before > 0; --before) {
    for (std::uint32_t i = 0; i < 3; ++i) (void)step(play, choices);
  }
  (void)play.acquire(any_subset(choices, tensors, false), any_tier(), owner_id{1});
  while (step(play, choices)) {
  }
  play.finish(driver::last_pass::left_out);
}

std::uint64_t play_every_case(bounds const& limits, std::uint32_t deviations_max) {
  every_path choices(deviations_max);
  std::uint64_t cases = 0;
  do {
    try {
      play_case(choices, limits, nullptr);
    } catch (violation const& what) {
      ADD_FAILURE() << what.what() << "\n" << choices.describe() << "\n";
      return cases;
    }
    ++cases;
  } while (choices.next_path());
  std::printf("%llu cases\n", static_cast<unsigned long long>(cases));
  return cases;
}

TEST(exhaustive, every_set_pin_and_budget_of_three_tensors) {
  bounds const limits{.tensors_most = 3,
                      .tensor_bytes = {2, 4},
                      .vram_budgets = {4, 6, 10},
                      .ram_budgets = {0, 6},
                      .pins = true,
                      .ram_requests = true};
  EXPECT_GE(play_every_case(limits, 0), 100'000U);
}

TEST(exhaustive, every_set_of_three_tensors_with_one_event_out_of_turn) {
  bounds const limits{.tensors_most = 3, .tensor_bytes = {2, 4}, .vram_budgets = {4, 6, 10}, .ram_budgets = {0, 4, 6}};
  EXPECT_GE(play_every_case(limits, 1), 80'000U);
}

TEST(exhaustive, two_tensors_of_any_size_in_both_tiers_with_two_events_out_of_turn) {
  bounds const limits{.tensors_most = 2,
                      .tensor_bytes = {0, 2, 6},
                      .vram_budgets = {6},
                      .ram_budgets = {0, 4, 6},
                      .ram_requests = true};
  EXPECT_GE(play_every_case(limits, 2), 100'000U);
}

TEST(exhaustive, every_single_and_double_failure_of_two_tensors) {
  bounds const limits{
      .tensors_most = 2, .tensor_bytes = {2, 4}, .vram_budgets = {4}, .ram_budgets = {4, 6}, .failures = true};
  EXPECT_GE(play_every_case(limits, 2), 10'000U);
}

}  // namespace
}  // namespace tierpager::simulation
