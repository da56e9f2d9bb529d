// Opening: a pager over a catalog of half a million tensors and of a million, and what memory it takes.
#include <benchmark/benchmark.h>

#include <malloc.h>

#include <optional>

#include <bench/micro/support.hpp>

namespace tierpager::bench {
namespace {

std::uint64_t heap_bytes() {
  auto const now = ::mallinfo2();
  return now.uordblks + now.hblkhd;
}

void open_pager(benchmark::State& state, char const* policy) {
  auto const tensors = static_cast<std::size_t>(state.range(0));
  pager_options options;
  options.vram = bytes(1U << 30U);
  options.ram = bytes(1U << 30U);
  options.policy = policy;
  double bytes = 0;
  // All memory is the system's again once it is freed, or a smaller pager would be built in what an earlier one had touched.
  ::mallopt(M_MMAP_THRESHOLD, 1 << 17);
  ::malloc_trim(0);
  for (auto _ : state) {
    std::uint64_t const before = heap_bytes();
    std::optional<pager> opened;
    opened.emplace(make_catalog(tensors, 4096), std::make_shared<no_source>(), make_instant_device(), options);
    state.PauseTiming();  // closing is not opening
    bytes = static_cast<double>(heap_bytes() - before);
    opened.reset();
    ::malloc_trim(0);
    state.ResumeTiming();
  }
  state.counters["bytes_a_tensor"] = bytes / static_cast<double>(tensors);
}

void open_auto(benchmark::State& state) { open_pager(state, "auto"); }
void open_lru(benchmark::State& state) { open_pager(state, "lru"); }

BENCHMARK(open_auto)->Arg(1000)->Arg(500000)->Arg(1000000)->Unit(benchmark::kMillisecond);
BENCHMARK(open_lru)->Arg(1000)->Arg(500000)->Arg(1000000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace tierpager::bench
