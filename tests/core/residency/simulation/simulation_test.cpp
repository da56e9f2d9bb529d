// Tens of thousands of schedules against the naive model, each seed one schedule.
#include <gtest/gtest.h>

#include <algorithm>

#include <tests/core/residency/simulation/schedule.hpp>

namespace tierpager::simulation {
namespace {

void expect_no_violation(std::uint64_t first_seed, std::uint64_t schedules, profile const& kind) {
  schedules = std::max<std::uint64_t>(schedules / TIERPAGER_SCHEDULES_DIVISOR, 1);
  auto const violated = play_all(first_seed, schedules, kind);
  EXPECT_FALSE(violated) << *violated;
}

TEST(simulation, equal_sizes) { expect_no_violation(0, 4'000, {}); }

TEST(simulation, mixed_sizes_from_none_to_larger_than_the_ram_budget) {
  expect_no_violation(100'000, 4'000, {.mixed_sizes = true});
}

TEST(simulation, tiny_budgets) { expect_no_violation(200'000, 3'000, {.tiny_budgets = true, .mixed_sizes = true}); }

TEST(simulation, large_sets) { expect_no_violation(300'000, 2'000, {.mixed_sizes = true, .large_sets = true}); }

TEST(simulation, failing_calls) { expect_no_violation(400'000, 4'000, {.fail_calls = true, .mixed_sizes = true}); }

TEST(simulation, failing_calls_in_tiny_budgets) {
  expect_no_violation(500'000, 2'000, {.fail_calls = true, .tiny_budgets = true, .mixed_sizes = true});
}

TEST(simulation, no_device_tier) {
  expect_no_violation(600'000, 1'000, {.fail_calls = true, .mixed_sizes = true, .no_vram = true});
}

TEST(simulation, overcommitted_pins) {
  expect_no_violation(700'000, 1'000, {.mixed_sizes = true, .overcommit_pins = true});
}

TEST(simulation, victims_whose_last_use_is_over_go_first) {
  expect_no_violation(800'000, 3'000, {.fail_calls = true, .mixed_sizes = true, .prefer_idle = true});
}

TEST(simulation, memory_that_cannot_be_remapped_and_overhead) {
  expect_no_violation(900'000, 3'000, {.mixed_sizes = true, .prefer_idle = true, .odd_devices = true});
  expect_no_violation(910'000, 2'000, {.fail_calls = true, .mixed_sizes = true, .odd_devices = true});
  expect_no_violation(920'000, 2'000,
                      {.tiny_budgets = true, .mixed_sizes = true, .no_vram = true, .odd_devices = true});
}

TEST(simulation, orders_plans_and_loads_ahead) {
  expect_no_violation(1'000'000, 3'000, {.orders = true});
  expect_no_violation(1'010'000, 3'000, {.mixed_sizes = true, .orders = true});
  expect_no_violation(1'020'000, 3'000, {.fail_calls = true, .mixed_sizes = true, .orders = true});
  expect_no_violation(1'030'000, 1'000, {.tiny_budgets = true, .mixed_sizes = true, .orders = true});
  expect_no_violation(1'040'000, 1'000, {.mixed_sizes = true, .overcommit_pins = true, .orders = true});
  expect_no_violation(1'050'000, 2'000, {.fail_calls = true, .mixed_sizes = true, .orders = true, .odd_devices = true});
}

TEST(simulation, plans_that_come_late_out_of_turn_or_for_an_order_that_is_gone) {
  plan_answers const before = plan_answers_given();
  expect_no_violation(2'000'000, 2'000, {.mixed_sizes = true, .orders = true, .late_plans = true});
  expect_no_violation(2'010'000, 2'000, {.fail_calls = true, .mixed_sizes = true, .orders = true, .late_plans = true});
  expect_no_violation(2'020'000, 1'000, {.tiny_budgets = true, .orders = true, .late_plans = true});
  expect_no_violation(2'030'000, 1'000, {.orders = true, .late_plans = true, .odd_devices = true});
  if (requested_replay().seed || requested_replay().schedules) return;
  plan_answers const& after = plan_answers_given();
  EXPECT_GT(after.late - before.late, 5'000U / TIERPAGER_SCHEDULES_DIVISOR);
  EXPECT_GT(after.superseded - before.superseded, 1'000U / TIERPAGER_SCHEDULES_DIVISOR);
  EXPECT_GT(after.after_another - before.after_another, 200U / TIERPAGER_SCHEDULES_DIVISOR);
  EXPECT_GT(after.for_a_gone_order - before.for_a_gone_order, 100U / TIERPAGER_SCHEDULES_DIVISOR);
}

// Seeds beyond those above that once found something.
TEST(regressions, a_load_ahead_that_was_given_up_in_a_buffer_is_over_before_it_is_asked_for) {
  expect_no_violation(1'060'336, 1, {.fail_calls = true, .mixed_sizes = true, .orders = true});
}

TEST(regressions, a_pinned_tensor_whose_place_is_no_longer_promised_stays) {
  expect_no_violation(709'404, 1, {.mixed_sizes = true, .overcommit_pins = true});
}

TEST(regressions, a_load_that_counted_on_room_which_a_pin_then_took_goes_on) {
  expect_no_violation(121'800, 1, {.mixed_sizes = true});
  expect_no_violation(310'837, 1, {.mixed_sizes = true, .large_sets = true});
  expect_no_violation(515'934, 1, {.fail_calls = true, .tiny_budgets = true, .mixed_sizes = true});
  expect_no_violation(723'005, 1, {.mixed_sizes = true, .overcommit_pins = true});
}

}  // namespace
}  // namespace tierpager::simulation
