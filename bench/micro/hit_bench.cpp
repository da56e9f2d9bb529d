// Hits: acquire and release of a resident tensor by id, beside a mutex, a map of names and a list.
#include <benchmark/benchmark.h>

#include <bench/micro/string_cache.hpp>
#include <bench/micro/support.hpp>
#include <host/host_device.hpp>

namespace tierpager::bench {
namespace {

constexpr std::uint64_t bytes_each = 4096;
constexpr std::size_t ids_kept = 1U << 18U;

enum class program { lru_random, auto_random, cycle_with_plan, host_tier };

// An order that does not come again, or `auto` would find the cycle. By xorshift64 of Marsaglia, 2003.
class random_ids_for_ever {
 public:
  random_ids_for_ever(std::size_t tensors, std::uint64_t seed) : tensors_(tensors), state_(seed * 2 + 1) {}
  tensor_id next() {
    state_ ^= state_ << 13U;
    state_ ^= state_ >> 7U;
    state_ ^= state_ << 17U;
    return tensor_id{static_cast<std::uint32_t>(((state_ >> 32U) * tensors_) >> 32U)};
  }

 private:
  std::uint64_t tensors_, state_;
};

// One world: built once, left to the end of the process. Threads of one run share it.
struct world {
  world(std::size_t tensors, program what) : what_(what), on_(std::make_shared<host_device>()) {
    pager_options options;
    options.vram = what == program::host_tier ? "none" : "unlimited";
    options.ram = what == program::host_tier ? budget("unlimited") : budget(bytes(64U << 20U));
    options.policy = what == program::lru_random || what == program::host_tier ? "lru" : "auto";
    pager_ = std::make_unique<pager>(make_catalog(tensors, bytes_each), std::make_shared<no_source>(), on_, options);
    bool const cycle = what == program::cycle_with_plan;
    if (cycle) {
      for (std::size_t i = 0; i < ids_kept; ++i) ids_.push_back(tensor_id{static_cast<std::uint32_t>(i % tensors)});
      pager_->set_order(std::span(ids_).first(tensors));
    } else {
      ids_ = random_ids(tensors, ids_kept, 1);
    }
    host_stream warm;
    for (std::size_t i = 0; i < 4; ++i) {
      for (std::size_t each = 0; each < tensors; ++each) {
        tensor_id const id =
            i == 0 ? tensor_id{static_cast<std::uint32_t>(each)} : ids_[(i * tensors + each) % ids_kept];
        if (what == program::host_tier)
          (void)pager_->acquire_host(id);
        else
          (void)pager_->acquire(id, warm);
      }
    }
    pager_->retire_stream(warm);
  }

  program what_;
  std::shared_ptr<host_device> on_;
  std::unique_ptr<pager> pager_;
  std::vector<tensor_id> ids_;
};

world& world_of(std::size_t tensors, program what) {
  static std::vector<std::pair<std::pair<std::size_t, program>, std::unique_ptr<world>>> worlds;
  for (auto& [key, made] : worlds)
    if (key == std::pair(tensors, what)) return *made;
  worlds.emplace_back(std::pair(tensors, what), std::make_unique<world>(tensors, what));
  return *worlds.back().second;
}

void hit(benchmark::State& state, program what) {
  auto const tensors = static_cast<std::size_t>(state.range(0));
  static world* shared = nullptr;
  if (state.thread_index() == 0) shared = &world_of(tensors, what);
  std::unique_ptr<host_stream> stream;
  if (what != program::host_tier) stream = std::make_unique<host_stream>();
  std::size_t next = 0;
  random_ids_for_ever at_random(tensors, static_cast<std::uint64_t>(state.thread_index()));
  world* its = nullptr;
  for (auto _ : state) {
    if (its == nullptr) its = shared;
    tensor_id const id = what == program::cycle_with_plan ? its->ids_[next++ % ids_kept] : at_random.next();
    handle const held = what == program::host_tier ? its->pager_->acquire_host(id) : its->pager_->acquire(id, *stream);
    benchmark::DoNotOptimize(held.data());
  }
  state.SetItemsProcessed(state.iterations());
  if (stream && its != nullptr) its->pager_->retire_stream(*stream);
}

// Three tensors that are held together, as a layer's gate, up and down are.
void hit_set(benchmark::State& state) {
  world& its = world_of(static_cast<std::size_t>(state.range(0)), program::lru_random);
  host_stream stream;
  std::size_t next = 0;
  for (auto _ : state) {
    auto const held = its.pager_->acquire(std::span(its.ids_).subspan(next % (ids_kept - 3), 3), stream);
    benchmark::DoNotOptimize(held.data());
    next += 3;
  }
  its.pager_->retire_stream(stream);
}

void hit_set_baseline(benchmark::State& state) {
  std::vector<std::string> const names = tensor_names(static_cast<std::size_t>(state.range(0)));
  auto const order = random_ids(names.size(), ids_kept, 1);
  string_cache cache(names);
  std::size_t next = 0;
  for (auto _ : state) {
    std::size_t const at = next % (ids_kept - 3);
    for (std::size_t i = at; i < at + 3; ++i) benchmark::DoNotOptimize(cache.acquire(names[index_of(order[i])]));
    for (std::size_t i = at; i < at + 3; ++i) cache.release(names[index_of(order[i])]);
    next += 3;
  }
}

void hit_lru(benchmark::State& state) { hit(state, program::lru_random); }
void hit_auto(benchmark::State& state) { hit(state, program::auto_random); }
void hit_with_plan(benchmark::State& state) { hit(state, program::cycle_with_plan); }
void hit_in_ram(benchmark::State& state) { hit(state, program::host_tier); }

void baseline(benchmark::State& state, bool with_handle) {
  struct cached {
    explicit cached(std::size_t tensors) : names(tensor_names(tensors)), cache(names) {}
    std::vector<std::string> names;
    string_cache cache;
  };
  static std::vector<std::pair<std::size_t, std::unique_ptr<cached>>> made;
  static cached* shared = nullptr;
  auto const tensors = static_cast<std::size_t>(state.range(0));
  if (state.thread_index() == 0) {
    auto found = std::find_if(made.begin(), made.end(), [&](auto const& each) { return each.first == tensors; });
    if (found == made.end()) found = made.insert(found, {tensors, std::make_unique<cached>(tensors)});
    shared = found->second.get();
  }
  random_ids_for_ever at_random(tensors, static_cast<std::uint64_t>(state.thread_index()));
  cached* its = nullptr;
  for (auto _ : state) {
    if (its == nullptr) its = shared;
    std::string const& name = its->names[index_of(at_random.next())];
    if (with_handle) {
      string_cache::node& given = its->cache.acquire_node(name);
      benchmark::DoNotOptimize(given.data);
      its->cache.release_node(given);
    } else {
      benchmark::DoNotOptimize(its->cache.acquire(name));
      its->cache.release(name);
    }
  }
  state.SetItemsProcessed(state.iterations());
}

void hit_baseline(benchmark::State& state) { baseline(state, false); }
void hit_baseline_with_handle(benchmark::State& state) { baseline(state, true); }

BENCHMARK(hit_baseline)->Arg(64)->Arg(290)->Arg(4096)->Arg(65536);
BENCHMARK(hit_baseline_with_handle)->Arg(64)->Arg(290)->Arg(4096)->Arg(65536);
BENCHMARK(hit_lru)->Arg(64)->Arg(290)->Arg(4096)->Arg(65536);
BENCHMARK(hit_auto)->Arg(64)->Arg(290)->Arg(4096)->Arg(65536);
BENCHMARK(hit_with_plan)->Arg(64)->Arg(290)->Arg(4096)->Arg(65536);
BENCHMARK(hit_in_ram)->Arg(64)->Arg(290)->Arg(4096)->Arg(65536);
BENCHMARK(hit_set)->Arg(290);
BENCHMARK(hit_set_baseline)->Arg(290);
BENCHMARK(hit_baseline)->Arg(290)->Threads(2)->UseRealTime();
BENCHMARK(hit_baseline_with_handle)->Arg(290)->Threads(2)->UseRealTime();
BENCHMARK(hit_lru)->Arg(290)->Threads(2)->UseRealTime();
BENCHMARK(hit_auto)->Arg(290)->Threads(2)->UseRealTime();
BENCHMARK(hit_in_ram)->Arg(290)->Threads(2)->UseRealTime();

}  // namespace
}  // namespace tierpager::bench
