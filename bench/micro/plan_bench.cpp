// Planning for very many tensors: a plan alone, and what `tierpager plan` plays for it. Without rates a copy is over at once;
// with them, the caller runs ahead of what it launched by whole passes.
#include <benchmark/benchmark.h>

#include <bench/micro/support.hpp>
#include <core/plan/plan.hpp>
#include <tools/simulation.hpp>

namespace tierpager::bench {
namespace {

constexpr std::uint64_t expert_bytes = 5U << 19U;
constexpr transfer_rates some_rates{
    .link_bytes_per_second = 25e9, .disk_bytes_per_second = 3e9, .compute_seconds = 0.5};

// Experts, with a few dense tensors before those of each layer.
catalog make_experts(std::size_t tensors) {
  catalog model;
  (void)model.add_file("nowhere.bin");
  std::uint64_t offset = 0;
  for (std::size_t i = 0; i < tensors; ++i) {
    std::uint64_t const bytes = i % 392 < 8 ? 16U << 20U : expert_bytes;
    (void)value_or_throw(
        model.add({.name = std::to_string(i), .dtype = "U8", .shape = {bytes}, .offset = offset, .bytes = bytes}));
    offset += bytes;
  }
  return model;
}

void make_plan_alone(benchmark::State& state) {
  catalog const model = make_experts(static_cast<std::size_t>(state.range(0)));
  plan_request request;
  for (tensor_info const& each : model) {
    auto const call = request.order.calls++;
    request.order.entries.push_back({.id = tensor_id{call}, .call = call, .until = call + 1});
    request.vram_bytes.push_back(each.bytes);
  }
  request.ram_bytes = request.vram_bytes;
  request.vram_budget_bytes = round_down(model.bytes() / 4, 4096);
  request.ram_budget_bytes = round_down(model.bytes() / 2, 4096);
  request.vram_space = {0, model.bytes()};
  request.rates = some_rates;
  for (auto _ : state) benchmark::DoNotOptimize(make_plan(request));
}

void plan_passes(benchmark::State& state, transfer_rates const& rates) {
  catalog const model = make_experts(static_cast<std::size_t>(state.range(0)));
  tools::virtual_pager_options options;
  options.core.vram.budget_bytes = model.bytes() / 4;
  options.core.ram.budget_bytes = model.bytes() / 2;
  options.core.rates = rates;
  options.machine = rates;
  tools::schedule passes;
  passes.orders.push_back(tools::file_order(model));
  passes.passes = 4;
  for (auto _ : state) benchmark::DoNotOptimize(tools::simulate(model, options, passes, [](std::uint64_t) {}));
}

void plan_passes_at_once(benchmark::State& state) { plan_passes(state, {}); }
void plan_passes_at_rates(benchmark::State& state) { plan_passes(state, some_rates); }

BENCHMARK(make_plan_alone)->Arg(10000)->Arg(80000)->Unit(benchmark::kMillisecond);
BENCHMARK(plan_passes_at_once)->Arg(10000)->Arg(80000)->Unit(benchmark::kMillisecond);
BENCHMARK(plan_passes_at_rates)->Arg(10000)->Arg(80000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace tierpager::bench
