// The longest section under the pager's lock where experts of a model in Q4_K_M, in two sizes, miss and evict all the time
// on a GPU's granules: Qwen3-30B-A3B, its layers' 128 experts as three tensors each, at 25 % VRAM. `longest_us` is CPU time.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <random>
#include <string_view>

#include <bench/micro/instant_core.hpp>
#include <tierpager/eviction_policy.hpp>

namespace tierpager::bench {
namespace {

constexpr std::uint32_t layers = 48, experts = 128, experts_used = 8, parts = 3, of_a_layer = parts * experts_used;
constexpr std::uint64_t q4_k_bytes = 884736, q6_k_bytes = 1290240;  // of 2048 x 768 elements
constexpr std::uint64_t gpu_granule_bytes = 2U << 20U;

catalog make_experts() {
  catalog model;
  (void)model.add_file("nowhere.bin");
  std::uint64_t offset = 0;
  for (std::uint32_t i = 0; i < layers * experts * parts; ++i) {
    bool const large = i % parts == 2 && i / parts / experts % 2 == 0;  // ffn_down, in half of the layers
    std::uint64_t const bytes = large ? q6_k_bytes : q4_k_bytes;
    (void)value_or_throw(
        model.add({.name = std::to_string(i), .dtype = "U8", .shape = {bytes}, .offset = offset, .bytes = bytes}));
    offset += bytes;
  }
  return model;
}

// Of each layer the low numbers are used more than the others, and each token has its own.
std::vector<tensor_id> route_token(std::mt19937& random) {
  std::vector<tensor_id> used;
  for (std::uint32_t layer = 0; layer < layers; ++layer) {
    std::vector<std::uint32_t> chosen;
    while (chosen.size() < experts_used) {
      auto const expert = static_cast<std::uint32_t>(random() % (random() % experts + 1));
      if (std::ranges::find(chosen, expert) == chosen.end()) chosen.push_back(expert);
    }
    for (std::uint32_t const expert : chosen)
      for (std::uint32_t part = 0; part < parts; ++part)
        used.push_back(tensor_id{(layer * experts + expert) * parts + part});
  }
  return used;
}

void play(benchmark::State& state, std::string_view policy) {
  catalog model = make_experts();
  std::vector<std::uint64_t> sizes;
  for (tensor_info const& each : model) sizes.push_back(each.bytes);
  residency_options options;
  options.vram.granule_bytes = gpu_granule_bytes;
  options.vram.align_bytes = vram_align_bytes;
  options.vram.budget_bytes = round_down(model.bytes() / 4, gpu_granule_bytes);
  instant_core on(std::move(model), options, value_or_throw(make_eviction_policy(policy, sizes)),
                  value_or_throw(make_eviction_policy(policy, sizes)));
  auto const a_call = static_cast<std::size_t>(state.range(0));
  std::mt19937 random(1);
  auto const play_token = [&] {
    std::vector<tensor_id> const used = route_token(random);
    for (std::size_t i = 0; i < used.size(); i += a_call) on.use(std::span(used).subspan(i, a_call));
  };
  for (int token = 0; token < 100; ++token) play_token();  // by then `auto` has settled on a half-life
  on.measure_sections(true);
  for (auto _ : state) play_token();
  tier_statistics const vram = on.core().stats().vram;
  if (vram.evictions() == 0) state.SkipWithError("nothing was evicted");
  state.counters["longest_us"] = std::chrono::duration<double, std::micro>(on.longest()).count();
  state.counters["evicted"] = static_cast<double>(vram.evictions());
}

void section_experts_lru(benchmark::State& state) { play(state, "lru"); }
void section_experts_auto(benchmark::State& state) { play(state, "auto"); }

// Tensors one by one, an expert's three, and all that a token uses of a layer.
BENCHMARK(section_experts_lru)->Arg(1)->Arg(parts)->Arg(of_a_layer)->Iterations(100);
BENCHMARK(section_experts_auto)->Arg(1)->Arg(parts)->Arg(of_a_layer)->Iterations(100);

}  // namespace
}  // namespace tierpager::bench
