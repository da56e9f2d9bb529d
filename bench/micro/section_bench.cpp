// The longest section under the pager's lock, with 20,000 tensors: CPU time of the longest call of the core while an order
// is declared, learned and lost, while `auto` changes its half-life, and while a budget evicts thousands. `longest_us` is of
// all calls meanwhile, `longest_of_orders_us` of those in which a plan is asked for, adopted or lost.
#include <benchmark/benchmark.h>

#include <numeric>
#include <random>

#include <bench/micro/instant_core.hpp>
#include <core/eviction/use_rate.hpp>

namespace tierpager::bench {
namespace {

constexpr std::uint32_t tensors = 20'000;
constexpr std::uint64_t half_bytes = tensors / 2 * instant_core::bytes_each;

struct auto_core {
  auto_core() : auto_core(std::make_unique<use_rate>(sizes())) {}
  explicit auto_core(std::unique_ptr<use_rate> policy)
      : vram_policy(*policy), core(tensors, std::move(policy), std::make_unique<use_rate>(sizes())) {}
  static std::vector<std::uint64_t> sizes() { return std::vector<std::uint64_t>(tensors, instant_core::bytes_each); }

  void begin() { core.measure_sections(true); }
  void end(benchmark::State& state) {
    core.measure_sections(false);
    using microseconds = std::chrono::duration<double, std::micro>;
    state.counters["longest_us"] = microseconds(core.longest()).count();
    state.counters["longest_of_orders_us"] = microseconds(core.longest_of_orders()).count();
  }

  use_rate const& vram_policy;
  instant_core core;
};

std::vector<tensor_id> shuffled(std::uint32_t seed) {
  std::vector<tensor_id> ids(tensors);
  for (std::uint32_t i = 0; i < tensors; ++i) ids[i] = tensor_id{i};
  std::ranges::shuffle(ids, std::mt19937(seed));
  return ids;
}

std::unique_ptr<access_cycle> cycle_of(std::vector<tensor_id> const& ids) {
  acquire_order order;
  for (tensor_id const id : ids) {
    order.entries.push_back({.id = id, .call = order.calls, .until = order.calls + 1});
    ++order.calls;
  }
  return access_cycle::of(std::move(order), tensors);
}

void declare(auto_core& on, std::vector<tensor_id> const& ids) {
  auto cycle = cycle_of(ids);  // made without the lock
  on.core.call([&](residency& core) { core.set_order(std::move(cycle)); });
}

// Declared anew while another order's plan holds, and taken back.
void section_order_declared(benchmark::State& state) {
  auto_core on;
  std::uint32_t seed = 0;
  for (auto _ : state) {
    auto const ids = shuffled(++seed);
    on.begin();
    declare(on, ids);
    for (std::uint32_t i = 0; i < tensors / 4; ++i) on.core.use(ids[i]);
    on.core.call([](residency& core) { core.set_order(nullptr); });
    on.end(state);
  }
}

void section_order_learned(benchmark::State& state) {
  auto_core on;
  std::uint32_t seed = 0;
  for (auto _ : state) {
    auto const ids = shuffled(++seed);
    std::uint64_t const plans = on.core.plans_asked();
    on.begin();
    for (int pass = 0; pass < 4; ++pass)
      for (tensor_id const id : ids) on.core.use(id);
    on.end(state);
    if (on.core.plans_asked() == plans || on.core.core().plan() == nullptr) state.SkipWithError("nothing was learned");
  }
}

void section_order_lost(benchmark::State& state) {
  auto_core on;
  std::uint32_t seed = 0;
  std::mt19937 random(1);
  for (auto _ : state) {
    auto const ids = shuffled(++seed);
    declare(on, ids);
    for (tensor_id const id : ids) on.core.use(id);
    on.begin();
    for (int stray = 0; stray < 1000 && on.core.core().plan() != nullptr; ++stray)
      on.core.use(tensor_id{static_cast<std::uint32_t>(random() % tensors)});
    on.end(state);
    if (on.core.core().plan() != nullptr) state.SkipWithError("the order is still followed");
  }
}

// Sets of tensors that are hot for a while: short half-lives follow them. Uniform use: long ones do.
void section_half_life_changed(benchmark::State& state) {
  auto_core on;
  std::mt19937 random(1);
  for (auto _ : state) {
    std::size_t const before = on.vram_policy.order();
    bool drift = true;
    on.begin();
    for (int burst = 0; on.vram_policy.order() == before; ++burst) {
      if (burst % 400 == 399) drift = !drift;
      if (burst == 4000) return state.SkipWithError("the half-life does not change");
      auto const hot = static_cast<std::uint32_t>(random() % tensors);
      for (std::uint32_t i = 0; i < 2000; ++i) {
        std::uint64_t const at = drift ? hot + random() % 9000 : random() % (random() % tensors + 1);
        on.core.use(tensor_id{static_cast<std::uint32_t>(at % tensors)});
      }
    }
    on.end(state);
  }
}

// Half of what VRAM holds: 5,000 tensors.
void section_budget_evicts_thousands(benchmark::State& state) {
  auto_core on;
  for (std::uint32_t i = 0; i < tensors; ++i) on.core.use(tensor_id{i});
  for (auto _ : state) {
    std::uint64_t const before = on.core.core().stats().vram.resident_tensors;
    on.begin();
    on.core.call([](residency& core) { (void)core.set_budget(tier::vram, half_bytes / 2); });
    on.end(state);
    std::uint64_t const evicted = before - on.core.core().stats().vram.resident_tensors;
    state.counters["evicted"] = static_cast<double>(evicted);
    on.core.call([](residency& core) { (void)core.set_budget(tier::vram, half_bytes); });
    for (tensor_id const id : shuffled(static_cast<std::uint32_t>(evicted))) on.core.use(id);
  }
}

BENCHMARK(section_order_declared)->Iterations(5);
BENCHMARK(section_order_learned)->Iterations(3);
BENCHMARK(section_order_lost)->Iterations(5);
BENCHMARK(section_half_life_changed)->Iterations(3);
BENCHMARK(section_budget_evicts_thousands)->Iterations(5);

}  // namespace
}  // namespace tierpager::bench
