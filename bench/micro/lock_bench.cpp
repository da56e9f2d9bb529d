// The pager's lock alone: two short sections, as a hit has, beside a std::mutex.
#include <benchmark/benchmark.h>

#include <mutex>

#include <host/biased_mutex.hpp>

namespace tierpager::bench {
namespace {

template <class Mutex>
struct guarded {
  Mutex lock;
  std::uint64_t value = 0;
};

void lock_std_mutex(benchmark::State& state) {
  static guarded<std::mutex> shared;
  for (auto _ : state) {
    for (int section = 0; section < 2; ++section) {
      std::scoped_lock const lock(shared.lock);
      benchmark::DoNotOptimize(++shared.value);
    }
  }
}

void two_sections(benchmark::State& state, guarded<biased_mutex>& shared) {
  for (auto _ : state) {
    for (int section = 0; section < 2; ++section) {
      shared.lock.lock_briefly();
      benchmark::DoNotOptimize(++shared.value);
      shared.lock.unlock();
    }
  }
}

void lock_biased(benchmark::State& state) {
  static guarded<biased_mutex> shared{.lock = biased_mutex(biased_mutex::worth_it)};
  two_sections(state, shared);
}

void lock_without_bias(benchmark::State& state) {
  static guarded<biased_mutex> shared;
  two_sections(state, shared);
}

BENCHMARK(lock_std_mutex);
BENCHMARK(lock_biased);
BENCHMARK(lock_without_bias);
BENCHMARK(lock_std_mutex)->Threads(2)->UseRealTime();
BENCHMARK(lock_biased)->Threads(2)->UseRealTime();
BENCHMARK(lock_without_bias)->Threads(2)->UseRealTime();

}  // namespace
}  // namespace tierpager::bench
