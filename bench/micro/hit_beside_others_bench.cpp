// How long single hits take while other threads miss, evict and have plans made: percentiles of one thread's calls.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include <bench/micro/support.hpp>

namespace tierpager::bench {
namespace {

constexpr std::size_t tensors = 10000;
constexpr std::uint32_t kept = 64;  // acquired by the thread that is measured, and pinned
constexpr std::uint64_t bytes_each = 64U << 10U;

struct crowd {
  explicit crowd(pager& on) : pages(on) {
    others.emplace_back([this](std::stop_token const& stop) { misses(stop); });
    others.emplace_back([this](std::stop_token const& stop) { replans(stop); });
  }
  // Every tensor but the kept ones, in random order: about half of them are missing.
  void misses(std::stop_token const& stop) {
    std::vector<tensor_id> const ids = random_ids(tensors, 1U << 18U, 7);
    for (std::size_t i = 0; !stop.stop_requested(); ++i)
      if (index_of(ids[i % ids.size()]) >= kept) (void)pages.acquire(ids[i % ids.size()], instant_stream(2));
  }
  // An order of all, and another budget: each has a plan made.
  void replans(std::stop_token const& stop) {
    std::vector<tensor_id> const ids = random_ids(tensors, 4 * tensors, 9);
    for (std::size_t i = 0; !stop.stop_requested(); ++i) {
      pages.set_order(std::span(ids).subspan(i % 4 * tensors, tensors));
      (void)pages.set_budget(tier::vram, bytes((tensors / 2 + i % 8 * 100) * bytes_each));
      ++plans;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
  pager& pages;
  std::atomic<std::uint64_t> plans = 0;
  std::vector<std::jthread> others;
};

void hit_beside_others(benchmark::State& state) {
  pager_options options;
  options.vram = bytes(tensors / 2 * bytes_each);
  options.ram = bytes(tensors / 4 * bytes_each);
  pager pages(make_catalog(tensors, bytes_each), std::make_shared<no_source>(), make_instant_device(), options);
  stream_ref const stream = instant_stream(1);
  for (std::uint32_t i = 0; i < kept; ++i) {
    pages.pin(tensor_id{i}, tier::vram);
    (void)pages.acquire(tensor_id{i}, stream);
  }
  std::vector<std::uint32_t> nanoseconds;
  nanoseconds.reserve(1U << 22U);
  crowd beside(pages);
  std::uint32_t next = 0;
  for (auto _ : state) {
    auto const begin = std::chrono::steady_clock::now();
    (void)pages.acquire(tensor_id{next++ % kept}, stream);
    auto const took = std::chrono::steady_clock::now() - begin;
    nanoseconds.push_back(static_cast<std::uint32_t>(std::chrono::nanoseconds(took).count()));
  }
  for (std::jthread& worker : beside.others) worker.request_stop();
  beside.others.clear();
  std::ranges::sort(nanoseconds);
  auto const at = [&](double share) {
    return static_cast<double>(
        nanoseconds[static_cast<std::size_t>(share * static_cast<double>(nanoseconds.size() - 1))]);
  };
  state.counters["p50_ns"] = at(0.5);
  state.counters["p99_ns"] = at(0.99);
  state.counters["p99.9_ns"] = at(0.999);
  state.counters["max_ns"] = at(1);
  state.counters["plans"] = static_cast<double>(beside.plans.load());
  state.counters["misses"] = static_cast<double>(pages.stats().disk_reads + pages.stats().ram_hits);
}

BENCHMARK(hit_beside_others)->UseRealTime()->MinTime(2);

}  // namespace
}  // namespace tierpager::bench
