// A thread that misses, alone and beside one that does nothing but hit: it must not be starved of the pager's lock.
#include <benchmark/benchmark.h>

#include <atomic>
#include <thread>

#include <bench/micro/support.hpp>

namespace tierpager::bench {
namespace {

constexpr std::uint32_t tensors = 1000;
constexpr std::uint32_t kept = 16;  // pinned, for the thread that hits
constexpr std::uint64_t bytes_each = 4096;

enum class beside : std::uint8_t { nothing, work, hits };

void miss(benchmark::State& state, beside what) {
  pager pages(make_catalog(tensors, bytes_each), std::make_shared<no_source>(), make_instant_device(),
              {.vram = bytes(tensors / 4 * bytes_each), .ram = bytes(tensors / 8 * bytes_each), .policy = "lru"});
  for (std::uint32_t i = 0; i < kept; ++i) {
    pages.pin(tensor_id{i}, tier::vram);
    (void)pages.acquire(tensor_id{i}, instant_stream(1));
  }
  std::atomic<std::uint64_t> hits = 0;
  std::jthread hitter;
  if (what != beside::nothing) {
    hitter = std::jthread([&](std::stop_token const& over) {
      for (std::uint32_t i = 0; !over.stop_requested(); ++i) {
        if (what == beside::hits) (void)pages.acquire(tensor_id{i % kept}, instant_stream(1));
        hits.fetch_add(1, std::memory_order_relaxed);
      }
    });
  }
  std::uint32_t next = 0;
  for (auto _ : state) (void)pages.acquire(tensor_id{kept + next++ % (tensors - kept)}, instant_stream(2));
  state.SetItemsProcessed(state.iterations());
  state.counters["hits"] = benchmark::Counter(static_cast<double>(hits.load()), benchmark::Counter::kIsRate);
}

void miss_alone(benchmark::State& state) { miss(state, beside::nothing); }
void miss_beside_work(benchmark::State& state) { miss(state, beside::work); }
void miss_beside_hits(benchmark::State& state) { miss(state, beside::hits); }

BENCHMARK(miss_alone)->UseRealTime();
BENCHMARK(miss_beside_work)->UseRealTime();
BENCHMARK(miss_beside_hits)->UseRealTime();

}  // namespace
}  // namespace tierpager::bench
