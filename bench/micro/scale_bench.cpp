// The same thing with few tensors and with a million: a miss that evicts, a name that is looked up.
#include <benchmark/benchmark.h>

#include <bench/micro/support.hpp>
#include <core/residency.hpp>

namespace tierpager::bench {
namespace {

// A core whose commands are carried out at once, without bytes.
class instant_core {
 public:
  instant_core(std::size_t tensors, std::string_view policy) : tensors_(make_catalog(tensors, bytes_each)) {
    std::vector<std::uint64_t> const bytes(tensors, bytes_each);
    auto const make = [&] { return value_or_throw(make_eviction_policy(policy, bytes)); };
    residency_options options;
    options.vram.budget_bytes = tensors / 2 * bytes_each;
    options.ram.budget_bytes = tensors / 4 * bytes_each;
    core_ = std::make_unique<residency>(tensors_, options, make(), make());
    obey();
  }
  void acquire(tensor_id id) {
    (void)core_->acquire(std::span(&id, 1), tier::vram, caller_id{});
    ++events_;
    obey();
    core_->release(id, tier::vram, caller_id{}, std::nullopt);
    ++events_;
    obey();
  }
  [[nodiscard]] std::uint64_t events() const { return events_; }
  [[nodiscard]] statistics stats() const { return core_->stats(); }

 private:
  static constexpr std::uint64_t bytes_each = 4096;
  void obey() {
    for (core_->take_commands(next_); !next_.empty(); next_.clear(), core_->take_commands(next_))
      for (command const& one : next_) answer(one);
  }
  void answer(command const& one) {
    ++events_;
    if (auto const* remap = std::get_if<remap_command>(&one))
      core_->remapped(remap->where, remap->decommits.size(), remap->commits.size(), {});
    else if (auto const* read = std::get_if<read_command>(&one))
      core_->read_done(read->tensor, read->chunk, {});
    else if (auto const* copy = std::get_if<copy_command>(&one))
      core_->copy_queued(copy->tensor, copy->chunk, {0, ++copies_});
    else if (auto const* watch = std::get_if<watch_command>(&one))
      core_->passed(watch->until);
    else if (auto const* ask = std::get_if<ask_command>(&one))
      core_->passed(ask->about);
  }

  catalog tensors_;
  std::unique_ptr<residency> core_;
  std::vector<command> next_;
  std::uint64_t copies_ = 0;
  std::uint64_t events_ = 0;
};

void evicting_miss(benchmark::State& state) {
  auto const tensors = static_cast<std::uint32_t>(state.range(0));
  instant_core core(tensors, "lru");
  for (std::uint32_t i = 0; i < tensors; ++i) core.acquire(tensor_id{i});  // both tiers are full
  std::uint64_t const before = core.events();
  std::uint32_t next = 0;
  for (auto _ : state) core.acquire(tensor_id{next++ % tensors});
  state.counters["events"] =
      benchmark::Counter(static_cast<double>(core.events() - before), benchmark::Counter::kIsRate);
  state.counters["misses"] = static_cast<double>(core.stats().disk_reads);
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
