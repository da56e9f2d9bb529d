// Plans for random tensors, orders, budgets and pins, made and made again as they change, each checked naively.
#include <algorithm>
#include <random>

#include <gtest/gtest.h>

#include <tests/core/plan/plan_checker.hpp>

namespace tierpager {
namespace {

constexpr std::uint64_t page = 4096;

class random_world {
 public:
  explicit random_world(std::uint64_t seed) : random_(seed) {}

  std::uint64_t below(std::uint64_t end) { return random_() % end; }
  bool once_in(std::uint64_t times) { return below(times) == 0; }

  plan_request make() {
    plan_request request;
    std::size_t const tensors = 1 + below(once_in(3) ? 200 : 30);
    std::uint64_t const kinds = 1 + below(6);
    std::vector<std::uint64_t> sizes(kinds);
    for (auto& size : sizes) size = page * (1 + below(once_in(2) ? 4 : 400));
    for (std::size_t i = 0; i < tensors; ++i) {
      request.vram_bytes.push_back(once_in(9) ? page * (1 + below(300)) : sizes[below(kinds)]);
      request.ram_bytes.push_back(round_up(request.vram_bytes.back(), once_in(2) ? page : 4 * page));
    }
    order(request, tensors);
    budgets(request);
    return request;
  }

  void budgets(plan_request& request) {
    std::uint64_t all = 0;
    for (std::uint64_t const size : request.vram_bytes) all += size;
    request.vram_budget_bytes = once_in(20) ? 0 : page * (1 + below(all / page * 5 / 4));
    request.ram_budget_bytes = once_in(5) ? 0 : once_in(5) ? ~std::uint64_t{0} : page * (1 + below(all / page));
    request.ram_buffer_floor_bytes = page * below(64);
    bool const tight = once_in(2) && request.vram_budget_bytes != 0;
    request.vram_space = {page * below(8), tight ? request.vram_budget_bytes : std::uint64_t{1} << 50};
    request.rates = {};
    if (once_in(2)) {
      request.rates.link_bytes_per_second = 25e9;
      request.rates.disk_bytes_per_second = once_in(2) ? 0 : 2e9;
      request.rates.compute_seconds = once_in(2) ? 0 : static_cast<double>(all) / 25e9 * static_cast<double>(below(3));
    }
    request.pinned_vram.assign(request.vram_bytes.size(), false);
    request.pinned_ram = request.pinned_vram;
    for (std::size_t i = 0; i < request.vram_bytes.size(); ++i) {
      request.pinned_vram[i] = once_in(40);
      request.pinned_ram[i] = once_in(40);
    }
  }

 private:
  void order(plan_request& request, std::size_t tensors) {
    bool const repeats = once_in(3), sets = once_in(2), holds = once_in(3);
    std::size_t const entries = repeats ? 1 + below(3 * tensors) : tensors;
    for (std::size_t i = 0; i < entries; ++i) {
      if (i == 0 || !sets || once_in(3)) ++request.order.calls;
      std::uint32_t const call = request.order.calls - 1;
      std::uint32_t const until = call + 1 + static_cast<std::uint32_t>(holds && once_in(2) ? below(5) : 0);
      request.order.entries.push_back({static_cast<tensor_id>(repeats ? below(tensors) : i), call, until});
    }
  }

  std::mt19937_64 random_;
};

/// What is in VRAM under a plan, as the next plan is told.
void stand_as(plan_request& request, memory_plan const& plan) {
  request.vram_now.assign(plan.homes.size(), {});
  request.ram_now.assign(plan.homes.size(), {});
  for (std::size_t i = 0; i < plan.homes.size(); ++i) {
    if (plan.homes[i] == home::vram) request.vram_now[i] = {plan.places[i], request.vram_bytes[i]};
    if (plan.homes[i] == home::ram) request.ram_now[i] = {0, request.ram_bytes[i]};
  }
}

TEST(plan, holds_for_any_order_budget_and_pins) {
  std::size_t made = 0, helped = 0, parted = 0;
  for (std::uint64_t seed = 0; seed < 600 && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    random_world world(seed);
    plan_request request = world.make();
    for (int round = 0; round < 3; ++round) {
      ++made;
      auto const plan = make_plan(request);
      std::uint64_t together = 0;  // no budget needs more than all of it, a buffer, and pins that are not in the order
      if (plan) {
        ++helped;
        test::check(request, *plan);
        if (plan->vram_buffer.bytes != 0) ++parted;
        stand_as(request, *plan);
      }
      for (std::uint64_t const size : request.vram_bytes) together += size;
      bool const all_fits = request.vram_budget_bytes >= together && request.vram_space.bytes >= together;
      EXPECT_TRUE(plan || !all_fits);
      world.budgets(request);
    }
  }
  // The worlds are worth their time only as long as most of them can be planned for.
  EXPECT_GT(helped, made / 2);
  EXPECT_GT(parted, made / 4);
}

}  // namespace
}  // namespace tierpager
