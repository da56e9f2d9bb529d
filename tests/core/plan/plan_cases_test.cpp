// Small cases made by hand, and what happens to a plan when it is made again.
#include <algorithm>
#include <cstdlib>
#include <numeric>

#include <gtest/gtest.h>

#include <tests/core/plan/plan_checker.hpp>
#include <tests/support/model_shapes.hpp>

namespace tierpager {
namespace {

constexpr std::uint64_t page = 4096;

/// Tensors of so many pages, acquired one by one, in a VRAM budget of so many; RAM has room for everything.
plan_request scan_of(std::vector<std::uint64_t> const& pages, std::uint64_t vram_pages) {
  plan_request request;
  for (std::uint64_t const each : pages) {
    request.order.entries.push_back(
        {static_cast<tensor_id>(request.order.calls), request.order.calls, request.order.calls + 1});
    ++request.order.calls;
    request.vram_bytes.push_back(each * page);
  }
  request.ram_bytes = request.vram_bytes;
  request.vram_budget_bytes = vram_pages * page;
  request.ram_budget_bytes = ~std::uint64_t{0};
  request.vram_space = {0, std::uint64_t{1} << 50};
  return request;
}

plan_request scan_of(catalog const& model, double vram) {
  std::vector<std::uint64_t> pages;
  for (tensor_info const& tensor : model) pages.push_back(round_up(tensor.bytes, page) / page);
  std::uint64_t const all = std::accumulate(pages.begin(), pages.end(), std::uint64_t{0});
  return scan_of(pages, static_cast<std::uint64_t>(static_cast<double>(all) * vram));
}

/// Gives the order anew: each list is a call.
void order(plan_request& request, std::vector<std::vector<std::uint32_t>> const& calls) {
  request.order = {};
  for (auto const& call : calls) {
    for (std::uint32_t const tensor : call)
      request.order.entries.push_back({static_cast<tensor_id>(tensor), request.order.calls, request.order.calls + 1});
    ++request.order.calls;
  }
}

std::string homes_of(memory_plan const& plan) {
  std::string homes;
  for (home const each : plan.homes) homes += "-vrf"[static_cast<int>(each)];
  return homes;
}

void stand_as(plan_request& request, memory_plan const& plan) {
  request.vram_now.assign(plan.homes.size(), {});
  for (std::size_t i = 0; i < plan.homes.size(); ++i)
    if (plan.homes[i] == home::vram) request.vram_now[i] = {plan.places[i], request.vram_bytes[i]};
}

/// Bytes of residents that were not where they are now.
std::uint64_t moved(plan_request const& request, memory_plan const& plan) {
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < plan.homes.size(); ++i)
    if (plan.homes[i] == home::vram && request.vram_now[i] != byte_range{plan.places[i], request.vram_bytes[i]})
      bytes += request.vram_bytes[i];
  return bytes;
}

TEST(plan, what_fits_is_all_resident_and_needs_no_buffer) {
  for (std::uint64_t const budget : {std::uint64_t{10}, ~std::uint64_t{0} / page}) {
    plan_request const request = scan_of({1, 2, 3, 4}, budget);
    auto const plan = make_plan(request);
    ASSERT_TRUE(plan);
    test::check(request, *plan);
    EXPECT_EQ(homes_of(*plan), "vvvv");
    EXPECT_EQ(plan->vram_buffer, byte_range{});
    EXPECT_EQ(plan->bytes_to_device + plan->bytes_from_disk + plan->ram_buffer_bytes, 0U);
  }
}

TEST(plan, is_none_where_nothing_fits_beside_what_is_held) {
  EXPECT_FALSE(make_plan(scan_of({4, 4, 4, 4}, 7)));
  EXPECT_TRUE(make_plan(scan_of({4, 4, 4, 4}, 8)));  // no residents, but the next is loaded while one is used
  plan_request request = scan_of({4, 4, 4, 4}, 8);
  order(request, {{0, 1}, {2, 3}});
  EXPECT_FALSE(make_plan(request));
  request = scan_of({4, 4, 1, 4, 1}, 5);  // not two neighbours, but something stays
  auto const plan = make_plan(request);
  ASSERT_TRUE(plan);
  test::check(request, *plan);
  EXPECT_EQ(plan->buffer_slots, 1U);
  EXPECT_EQ(plan->resident_vram_bytes, page);
}

TEST(plan, names_no_home_for_what_the_order_does_not_name) {
  plan_request request = scan_of({1, 1, 1, 1}, 2);
  request.order.entries.erase(request.order.entries.begin());
  EXPECT_EQ(make_plan(request)->homes.front(), home::none);
  request.pinned_vram = {true, false, false, false};
  auto const plan = make_plan(request);
  EXPECT_FALSE(plan);  // one page is left of the budget, and nothing fits beside it
  request.vram_budget_bytes = 3 * page;
  EXPECT_EQ(homes_of(*make_plan(request)), "vrrr");
}

TEST(plan, keeps_what_is_used_most_often) {
  plan_request request = scan_of({5, 5, 5, 5, 5, 5}, 20);
  order(request, {{0}, {1}, {2}, {0}, {3}, {4}, {0}, {5}});
  EXPECT_EQ(make_plan(request)->homes.front(), home::vram);
  // Once more in the next call is not more often.
  request.vram_budget_bytes = 15 * page;
  order(request, {{0}, {0}, {0}, {1}, {2}, {1}, {3}, {4}, {5}});
  auto const plan = make_plan(request);
  ASSERT_TRUE(plan);
  test::check(request, *plan);
  EXPECT_EQ(homes_of(*plan), "rvrrrr");
  EXPECT_EQ(plan->bytes_to_device, 5 * 5 * page);
}

TEST(plan, keeps_the_smallest_and_the_largest) {
  plan_request const request = scan_of({1, 600, 900, 600, 1, 600, 6000, 600, 600, 1}, 8200);
  auto const plan = make_plan(request);
  ASSERT_TRUE(plan);
  test::check(request, *plan);
  for (std::size_t const tensor : {0U, 4U, 6U, 9U}) EXPECT_EQ(plan->homes[tensor], home::vram) << tensor;
  EXPECT_EQ(plan->vram_buffer.bytes, 1200 * page);
}

TEST(plan, fills_the_budget_where_sizes_differ_a_little) {
  std::vector<std::uint64_t> pages(200);
  for (std::size_t i = 0; i < pages.size(); ++i) pages[i] = 480 + i * 71 % 41;
  for (std::uint64_t const budget : {89'000U, 89'250U, 89'400U}) {
    plan_request const request = scan_of(pages, budget);
    auto const plan = make_plan(request);
    ASSERT_TRUE(plan);
    test::check(request, *plan);
    EXPECT_GT(plan->resident_vram_bytes + plan->vram_buffer.bytes, (budget - 100) * page) << budget;
  }
}

TEST(plan, without_ram_streams_from_the_file_and_without_vram_plans_for_ram) {
  plan_request request = scan_of({4, 4, 4, 4, 4, 4}, 16);
  request.ram_budget_bytes = 0;
  auto plan = make_plan(request);
  ASSERT_TRUE(plan);
  test::check(request, *plan);
  EXPECT_EQ(plan->bytes_from_disk, plan->bytes_to_device);
  EXPECT_EQ(plan->ram_buffer_bytes, 0U);
  request.vram_budget_bytes = 0;
  request.ram_budget_bytes = 16 * page;
  plan = make_plan(request);
  ASSERT_TRUE(plan);
  test::check(request, *plan);
  EXPECT_EQ(plan->bytes_to_device, 0U);
  EXPECT_EQ(plan->bytes_from_disk, 16 * page);
  EXPECT_EQ(plan->resident_ram_bytes, 8 * page);
}

TEST(plan, reads_in_pieces_where_ram_holds_no_two_tensors) {
  plan_request request = scan_of({40, 40, 40, 40, 40, 1, 1}, 120);
  request.ram_budget_bytes = 60 * page;
  request.ram_buffer_floor_bytes = 2 * page;
  auto const plan = make_plan(request);
  ASSERT_TRUE(plan);
  test::check(request, *plan);
  EXPECT_EQ(plan->ram_buffer_bytes, 2 * page);
  EXPECT_EQ(plan->resident_ram_bytes, 42 * page);
}

TEST(plan, streams_evenly_through_the_cycle) {
  plan_request const request = scan_of(test::llama_3_70b(), 0.75);
  auto const plan = make_plan(request);
  ASSERT_TRUE(plan);
  std::uint64_t const all = std::accumulate(request.vram_bytes.begin(), request.vram_bytes.end(), std::uint64_t{0});
  double const share = static_cast<double>(plan->bytes_to_device) / static_cast<double>(all);
  double ahead = 0, most = 0, least = 0;
  for (std::size_t i = 0; i < request.vram_bytes.size(); ++i) {
    auto const size = static_cast<double>(request.vram_bytes[i]);
    ahead += (plan->homes[i] == home::vram ? 0 : size) - share * size;
    most = std::max(most, ahead);
    least = std::min(least, ahead);
  }
  // Of the whole cycle, never more out of step than a few tensors and the two embeddings make.
  EXPECT_LT(most - least, 0.03 * static_cast<double>(all));
}

TEST(plan, neighbours_do_not_wait_for_one_another_save_where_the_cycle_closes) {
  for (double const share : {0.25, 0.5, 0.75, 0.9}) {
    plan_request const request = scan_of(test::mistral_7b(), share);
    EXPECT_LE(test::overlapping_neighbours(request, *make_plan(request)), 1U);
  }
  plan_request const even = scan_of({4, 4, 4, 4, 4, 4}, 16);
  EXPECT_EQ(test::overlapping_neighbours(even, *make_plan(even)), 0U);
}

TEST(plan, made_again_moves_only_what_must_move) {
  plan_request request = scan_of(test::llama_3_8b(), 0.5);
  auto const first = make_plan(request);
  ASSERT_TRUE(first);
  std::uint64_t const budget = request.vram_budget_bytes;
  stand_as(request, *first);
  EXPECT_EQ(moved(request, *make_plan(request)), 0U);
  for (int const percent : {98, 90, 102}) {
    request.vram_budget_bytes = budget / 100 * static_cast<std::uint64_t>(percent) / page * page;
    request.vram_space.bytes = request.vram_budget_bytes;
    stand_as(request, *first);
    for (byte_range& now : request.vram_now)
      if (now.end() > request.vram_space.end()) now = {};  // what a smaller budget takes away
    auto const again = make_plan(request);
    ASSERT_TRUE(again);
    test::check(request, *again);
    EXPECT_LE(moved(request, *again), budget / 40) << percent;
  }
  // Pins that were streamed so far push out as much, and move nothing else.
  request.vram_budget_bytes = request.vram_space.bytes = budget;
  stand_as(request, *first);
  request.pinned_vram.assign(request.vram_bytes.size(), false);
  auto const streamed = std::find(first->homes.begin(), first->homes.end(), home::ram) - first->homes.begin();
  request.pinned_vram[static_cast<std::size_t>(streamed)] = true;
  auto const pinned = make_plan(request);
  ASSERT_TRUE(pinned);
  test::check(request, *pinned);
  EXPECT_LE(moved(request, *pinned), 2 * request.vram_bytes[static_cast<std::size_t>(streamed)]);
}

TEST(plan, keeps_what_the_first_pass_left_behind) {
  plan_request request = scan_of(test::llama_3_8b(), 0.5);
  std::uint64_t const bytes_when_spread = make_plan(request)->bytes_to_device;
  request.vram_space.bytes = request.vram_budget_bytes;
  // After a pass under LRU the last tensors are there.
  request.vram_now.assign(request.vram_bytes.size(), {});
  std::uint64_t end = 0;
  for (std::size_t i = request.vram_bytes.size();
       i-- > 0 && end + request.vram_bytes[i] <= request.vram_budget_bytes;) {
    request.vram_now[i] = {end, request.vram_bytes[i]};
    end += request.vram_bytes[i];
  }
  auto const plan = make_plan(request);
  ASSERT_TRUE(plan);
  test::check(request, *plan);
  EXPECT_LE(moved(request, *plan), request.vram_budget_bytes * 15 / 100);  // token_embd comes, small ones come and go
  EXPECT_LE(static_cast<double>(plan->bytes_to_device), 1.01 * static_cast<double>(bytes_when_spread));
}

TEST(plan, lays_everything_out_anew_where_the_buffer_finds_no_window) {
  plan_request request = scan_of({4, 4, 4, 4, 4, 4, 4, 4}, 16);
  request.vram_space = {8 * page, 16 * page};
  request.vram_now.assign(8, {});
  request.vram_now[0] = {10 * page, 4 * page};
  request.vram_now[2] = {18 * page, 4 * page};
  auto const plan = make_plan(request);
  ASSERT_TRUE(plan);
  test::check(request, *plan);
  EXPECT_EQ(homes_of(*plan)[0], 'v');
  EXPECT_EQ(plan->vram_buffer.offset, 8 * page);
  EXPECT_EQ(plan->places[0], plan->vram_buffer.end());
  request.vram_space.bytes = 1 << 30;  // where memory is remapped there is always a window
  EXPECT_EQ(make_plan(request)->places[0], 10 * page);
}

}  // namespace
}  // namespace tierpager
