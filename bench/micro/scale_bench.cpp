// The same thing with few tensors and with a million: a miss that evicts, a name that is looked up.
#include <benchmark/benchmark.h>

#include <bench/micro/instant_core.hpp>

namespace tierpager::bench {
namespace {

void evicting_miss(benchmark::State& state) {
  auto const tensors = static_cast<std::uint32_t>(state.range(0));
  auto const lru = [&] { return value_or_throw(make_eviction_policy("lru", tensors)); };
  instant_core core(tensors, lru(), lru());
  for (std::uint32_t i = 0; i < tensors; ++i) core.use(tensor_id{i});  // both tiers are full
  std::uint64_t const before = core.sections();
  std::uint32_t next = 0;
  for (auto _ : state) core.use(tensor_id{next++ % tensors});
  state.counters["events"] =
      benchmark::Counter(static_cast<double>(core.sections() - before), benchmark::Counter::kIsRate);
  state.counters["misses"] = static_cast<double>(core.core().stats().disk_reads);
}

void find_by_name(benchmark::State& state) {
  auto const tensors = static_cast<std::size_t>(state.range(0));
  catalog const model = make_catalog(tensors, 4096);
  std::vector<std::string> const names = tensor_names(tensors);
  std::size_t next = 0;
  for (auto _ : state) benchmark::DoNotOptimize(model.find(names[next++ * 7919 % tensors]));
}

BENCHMARK(evicting_miss)->Arg(1000)->Arg(1000000);
BENCHMARK(find_by_name)->Arg(1000)->Arg(1000000);

}  // namespace
}  // namespace tierpager::bench
