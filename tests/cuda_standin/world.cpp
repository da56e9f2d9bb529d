#include <tests/cuda_standin/world.hpp>

#include <atomic>
#include <cassert>
#include <cstdlib>
#include <memory>

#include <tests/cuda_standin/address_space.hpp>

namespace tierpager::cuda_standin {
namespace {

/// Works without a driver and without a device.
bool always_works(call kind) {
  switch (kind) {
    case call::cuda_driver_get_version:
    case call::cuda_runtime_get_version:
    case call::cuda_get_last_error:
    case call::cuda_peek_at_last_error:
    case call::cuda_get_error_name:
    case call::cuda_get_error_string: return true;
    default: return false;
  }
}

std::function<void(call)>& hook() {
  static auto* const found = new std::function<void(call)>;
  return *found;
}

std::function<void(call)>& hook_behind() {
  static auto* const found = new std::function<void(call)>;
  return *found;
}

std::unique_ptr<world>& current() {
  static auto* const found = [] {
    auto first = std::make_unique<world>(options_from_environment());
    first->faults.set(fault_from_environment());
    std::atexit([] {
      world& last = the_world();
      world_lock lock(last.mutex);
      last.finish_destroyed(lock);
    });
    return new std::unique_ptr<world>(std::move(first));  // outlives the statics of its program
  }();
  return *found;
}

std::uint64_t& fiber_of_this_thread() {
  thread_local std::uint64_t fiber = 0;
  return fiber;
}

std::uint64_t key_of_this_thread() {
  static std::atomic<std::uint64_t> last = std::uint64_t{1} << 32U;
  thread_local std::uint64_t const own = ++last;
  std::uint64_t const fiber = fiber_of_this_thread();
  return fiber != 0 ? fiber : own;
}

}  // namespace

bool& in_operation() {
  thread_local bool inside = false;
  return inside;
}

world& the_world() { return *current(); }

void replace_world(world_options const& options) {
  std::unique_ptr<world>& made = current();
  made.reset();
  made = std::make_unique<world>(options);
}

void run_hook(call kind) {
  if (hook()) hook()(kind);
}
bool has_hook() { return static_cast<bool>(hook()); }
void on_call(std::function<void(call)> one) { hook() = std::move(one); }
void run_hook_behind(call kind) {
  if (hook_behind()) hook_behind()(kind);
}
void on_return(std::function<void(call)> one) { hook_behind() = std::move(one); }
void host_thread(std::uint64_t fiber) { fiber_of_this_thread() = fiber; }

world::world(world_options const& how)
    : options(how),
      vram_used(static_cast<std::size_t>(how.devices), 0),
      random_state(how.seed * 0x9e3779b97f4a7c15ULL + 0x632be59bd9b4e019ULL) {
  assert(how.devices >= 0 && how.granule_bytes >= 4096 && (how.granule_bytes & (how.granule_bytes - 1)) == 0);
  for (int i = 0; i != how.devices; ++i) contexts.push_back({.device = i, .primary = true});
  host.advance(host_component);  // one tick is enough: whatever is queued later knows what the host did before
}

world::~world() {
  world_lock lock(mutex);
  for (stream_state const& stream : streams) assert((options.threads || !stream.running) && "a world ends in a step");
  stop_workers(lock);
  drop_backing();
}

std::uint64_t world::random() {
  random_state += 0x9e3779b97f4a7c15ULL;
  std::uint64_t mixed = random_state;
  mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebULL;
  return mixed ^ (mixed >> 31U);
}

void world::violation(std::string text) { seen.push_back(std::move(text)); }

std::string const* world::label(std::string text) { return &*labels.insert(std::move(text)).first; }

thread_state& world::self() {
  std::uint64_t const key = key_of_this_thread();
  for (thread_state& thread : threads) {
    if (thread.key == key) return thread;
  }
  threads.push_back({.key = key});
  return threads.back();
}

cudaError_t world::admit(call kind) {
  if (in_operation()) {
    violation("CUDA is called by an operation on a stream: " + std::string(name_of(kind)));
    return cudaErrorNotPermitted;
  }
  auto const [code, kills] = faults.next(kind);
  if (!always_works(kind)) {
    if (options.driver_version == 0) return cudaErrorInsufficientDriver;
    if (options.devices == 0) return cudaErrorNoDevice;
    if (cudaError_t const failed = enter_context(kind); failed != cudaSuccess) {
      faults.count_failed();
      return failed;
    }
  }
  if (code != cudaSuccess) {
    faults.count_failed();
    if (kills) kill(acting_context(), code);
    return code;
  }
  return captures_active == 0 ? cudaSuccess : admit_unsafe(kind);
}

void world::kill(std::size_t context, cudaError_t code) {
  if (contexts[context].dead != cudaSuccess) return;
  contexts[context].dead = code;
  for (std::size_t i = 0; i != streams.size(); ++i) {
    stream_state& stream = streams[i];
    if (stream.context != context) continue;
    stream.queue.clear();
    stream.half.reset();
    if (!stream.running) stream.completed = stream.queued;
    std::erase(active, i);
  }
  changed.notify_all();
}

totals world::live() const {
  totals sum{.peak_vram_bytes = peak_vram, .peak_page_locked_bytes = peak_page_locked};
  auto const count = [&sum](bool abandoned, std::uint64_t& number) {
    ++(abandoned ? sum.abandoned : number);
    return !abandoned;
  };
  for (stream_state const& each : streams) {
    if (each.live && each.kind == stream_kind::created) count(each.abandoned, sum.streams);
  }
  for (event_state const& each : events) {
    if (each.live) count(each.abandoned, sum.events);
  }
  for (auto const& [base, each] : allocations) {
    switch (each.kind) {
      case memory_kind::malloced:
        if (count(each.abandoned, sum.mallocs)) sum.vram_bytes += each.bytes;
        break;
      case memory_kind::mapped: count(each.abandoned, sum.mappings); break;
      case memory_kind::registered:
        if (count(each.abandoned, sum.registrations)) sum.page_locked_bytes += each.bytes;
        break;
      case memory_kind::host_alloced:
        if (count(each.abandoned, sum.host_allocs)) sum.page_locked_bytes += each.bytes;
        break;
    }
  }
  for (auto const& [base, each] : reservations) {
    std::uint64_t reserved = 0;
    if (count(each.abandoned, reserved)) sum.reserved_bytes += each.bytes;
  }
  for (auto const& [number, each] : handles) {
    if (count(each.abandoned, sum.physical_handles)) sum.vram_bytes += each.bytes;
  }
  for (context_state const& each : contexts) {
    sum.contexts += each.retained - each.abandoned;
    sum.abandoned += each.abandoned;
  }
  sum.graphs = graphs;
  return sum;
}

}  // namespace tierpager::cuda_standin
