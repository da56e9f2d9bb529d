#include <core/plan/plan.hpp>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include <tests/core/plan/plan_checker.hpp>
#include <tests/support/model_shapes.hpp>

namespace tierpager {
namespace {

using test::held;

constexpr std::uint64_t page = 4096;

plan_request request_of(catalog const& model, double vram, double ram, held sets = held::one) {
  plan_request request;
  request.order = test::scan_of(model, sets);
  std::uint64_t all = 0;
  for (tensor_info const& tensor : model) {
    request.vram_bytes.push_back(round_up(tensor.bytes, page));
    all += request.vram_bytes.back();
  }
  request.ram_bytes = request.vram_bytes;
  request.vram_budget_bytes = round_down(static_cast<std::uint64_t>(static_cast<double>(all) * vram), page);
  request.ram_budget_bytes = round_down(static_cast<std::uint64_t>(static_cast<double>(all) * ram), page);
  request.vram_space = {0, std::uint64_t{1} << 50};
  request.ram_buffer_floor_bytes = 8 << 20;
  return request;
}

struct shape {
  char const* name;
  catalog model;
};

std::vector<shape> dense_shapes() {
  std::vector<shape> all;
  all.push_back({"llama_3_8b", test::llama_3_8b()});
  all.push_back({"llama_3_70b", test::llama_3_70b()});
  all.push_back({"mistral_7b", test::mistral_7b()});
  all.push_back({"two models", test::join(test::llama_3_8b(), "a/", test::mistral_7b(), "b/")});
  return all;
}

std::vector<shape> all_shapes() {
  std::vector<shape> all = dense_shapes();
  all.push_back({"qwen3_30b_a3b, sliced", test::qwen3_30b_a3b().slice("*_exps*").value()});
  all.push_back({"mixtral_8x7b, sliced", test::mixtral_8x7b().slice("*_exps*").value()});
  return all;
}

double ratio(std::uint64_t value, std::uint64_t bound) {
  return static_cast<double>(value) / static_cast<double>(bound);
}

// ---- the figures

TEST(plan, a_scan_costs_little_more_than_what_does_not_fit) {
  for (shape const& each : all_shapes())
    for (double const share : {0.25, 0.5, 0.75, 0.9}) {
      plan_request const request = request_of(each.model, share, 2);
      auto const plan = make_plan(request);
      ASSERT_TRUE(plan) << each.name << ' ' << share;
      test::check(request, *plan);
      double const reached = ratio(plan->bytes_to_device, plan->least_bytes_to_device);
      EXPECT_LE(reached, 1.051) << each.name << ' ' << share;
      EXPECT_EQ(plan->bytes_from_disk, 0U);
    }
}

TEST(plan, sets_held_together_cost_a_larger_buffer_and_no_more) {
  for (shape const& each : all_shapes())
    for (double const share : {0.25, 0.5, 0.75})
      for (held const sets : {held::feed_forward, held::layer, held::layer_across_calls}) {
        plan_request const request = request_of(each.model, share, 2, sets);
        auto const plan = make_plan(request);
        ASSERT_TRUE(plan) << each.name << ' ' << share;
        test::check(request, *plan);
        double const reached = ratio(plan->bytes_to_device, plan->least_bytes_to_device);
        EXPECT_LE(reached, sets == held::feed_forward ? 1.05 : 1.09) << each.name << ' ' << share;
      }
}

TEST(plan, two_tiers_read_little_more_from_disk_than_fits_neither) {
  for (shape const& each : dense_shapes())
    for (double const vram : {0.25, 0.5, 0.75})
      for (double const ram : {0.1, 0.25, 0.5}) {
        plan_request const request = request_of(each.model, vram, ram);
        auto const plan = make_plan(request);
        ASSERT_TRUE(plan);
        test::check(request, *plan);
        std::uint64_t largest = 0;
        for (tensor_info const& tensor : each.model)
          if (tensor.name.find("blk.") != std::string::npos) largest = std::max(largest, tensor.bytes);
        auto const in_largest = [&](std::uint64_t bytes) { return ratio(bytes, largest); };
        std::string const where = std::string(each.name) + ' ' + std::to_string(vram) + ' ' + std::to_string(ram);
        EXPECT_LE(in_largest(plan->vram_buffer.bytes), 2.2) << where;
        EXPECT_LE(in_largest(plan->ram_buffer_bytes), 2.2) << where;
        EXPECT_LE(in_largest(plan->bytes_from_disk - plan->least_bytes_from_disk), 4.3) << where;
        if (vram + ram > 1.001) {
          EXPECT_EQ(plan->bytes_from_disk, 0U) << where;
        }
      }
}

TEST(plan, a_draft_model_stays_and_its_target_streams) {
  catalog const both = test::join(test::llama_3_2_1b(), "draft/", test::llama_3_8b(), "target/");
  for (double const share : {0.35, 0.5, 0.75}) {
    plan_request request = request_of(both, share, 2);
    std::vector<order_entry> const once = request.order.entries;
    std::uint32_t const draft = static_cast<std::uint32_t>(test::llama_3_2_1b().size());
    request.order = {};
    auto const pass = [&](std::uint32_t from, std::uint32_t to) {
      for (std::uint32_t i = from; i < to; ++i, ++request.order.calls)
        request.order.entries.push_back({once[i].id, request.order.calls, request.order.calls + 1});
    };
    for (int round = 0; round < 5; ++round) pass(0, draft);
    pass(draft, static_cast<std::uint32_t>(once.size()));
    auto const plan = make_plan(request);
    ASSERT_TRUE(plan);
    test::check(request, *plan);
    for (std::uint32_t i = 0; i < draft; ++i) EXPECT_EQ(plan->homes[i], home::vram);
    EXPECT_LE(ratio(plan->bytes_to_device, plan->least_bytes_to_device), 1.05);
  }
}

TEST(plan, a_buffer_as_deep_as_compute_needs_hides_the_link) {
  for (shape const& each : dense_shapes())
    for (double const share : {0.25, 0.5, 0.75, 0.9}) {
      plan_request request = request_of(each.model, share, 2);
      double const link = static_cast<double>(each.model.bytes()) * (1 - share) / 25e9;
      request.rates.link_bytes_per_second = 25e9;
      request.rates.compute_seconds = static_cast<double>(each.model.bytes()) / 1e12;
      auto const fast = make_plan(request);
      ASSERT_TRUE(fast);
      test::check(request, *fast);
      EXPECT_LE(fast->seconds / std::max(link, request.rates.compute_seconds), 1.06) << each.name << ' ' << share;
      request.rates.compute_seconds = link;
      auto const even = make_plan(request);
      ASSERT_TRUE(even);
      test::check(request, *even);
      EXPECT_LE(even->seconds / link, 1.24) << each.name << ' ' << share;
      EXPECT_GE(even->buffer_slots, 2U);
    }
}

}  // namespace
}  // namespace tierpager
