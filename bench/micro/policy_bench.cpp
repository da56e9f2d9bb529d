// Policies alone: a touch, and a victim that is taken out and comes back, beside a list and a map.
#include <benchmark/benchmark.h>

#include <list>
#include <unordered_map>

#include <bench/micro/support.hpp>
#include <tierpager/eviction_policy.hpp>

namespace tierpager::bench {
namespace {

constexpr std::size_t ids_kept = 1U << 16U;

std::unique_ptr<eviction_policy> filled(std::string_view name, std::size_t tensors) {
  std::vector<std::uint64_t> const bytes(tensors, 4096);
  auto made = value_or_throw(make_eviction_policy(name, bytes));
  made->resized(tensors / 2 * 4096);
  for (std::uint32_t i = 0; i < tensors; ++i) made->touched(tensor_id{i});
  return made;
}

void touch(benchmark::State& state, std::string_view name) {
  auto const tensors = static_cast<std::size_t>(state.range(0));
  auto const policy = filled(name, tensors);
  auto const ids = random_ids(tensors, ids_kept, 1);
  std::size_t next = 0;
  for (auto _ : state) policy->touched(ids[next++ % ids_kept]);
}

void victim(benchmark::State& state, std::string_view name) {
  auto const policy = filled(name, static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    tensor_id const first = *policy->first_victim();
    policy->erased(first);
    policy->touched(first);
  }
}

void policy_touch_lru(benchmark::State& state) { touch(state, "lru"); }
void policy_touch_auto(benchmark::State& state) { touch(state, "auto"); }
void policy_victim_lru(benchmark::State& state) { victim(state, "lru"); }
void policy_victim_auto(benchmark::State& state) { victim(state, "auto"); }

void policy_touch_baseline(benchmark::State& state) {
  auto const tensors = static_cast<std::size_t>(state.range(0));
  std::list<std::uint32_t> by_use;
  std::unordered_map<std::uint32_t, std::list<std::uint32_t>::iterator> places;
  for (std::uint32_t i = 0; i < tensors; ++i) places[i] = by_use.insert(by_use.end(), i);
  auto const ids = random_ids(tensors, ids_kept, 1);
  std::size_t next = 0;
  for (auto _ : state) by_use.splice(by_use.end(), by_use, places[static_cast<std::uint32_t>(ids[next++ % ids_kept])]);
}

BENCHMARK(policy_touch_baseline)->Arg(290)->Arg(65536);
BENCHMARK(policy_touch_lru)->Arg(290)->Arg(65536);
BENCHMARK(policy_touch_auto)->Arg(290)->Arg(65536);
BENCHMARK(policy_victim_lru)->Arg(290)->Arg(65536);
BENCHMARK(policy_victim_auto)->Arg(290)->Arg(65536);

}  // namespace
}  // namespace tierpager::bench
