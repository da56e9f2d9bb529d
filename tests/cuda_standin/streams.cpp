// Streams: their handles, and what each operation on them waits for and knows.
#include <atomic>
#include <cassert>

#include <tests/cuda_standin/world.hpp>

namespace tierpager::cuda_standin {
namespace {

constexpr std::uintptr_t first_handle = 0x5a0000000000;
constexpr std::uintptr_t handle_distance = 64;

unsigned long long next_stream_id() {
  static std::atomic<unsigned long long> last = 0;
  return ++last;
}

}  // namespace

std::size_t world::make_stream(stream_kind kind, std::size_t context, bool blocking) {
  join_done_workers();
  std::size_t const index = streams.size();
  stream_state& made = streams.emplace_back();
  made.kind = kind;
  made.id = next_stream_id();
  made.context = context;
  made.blocking = blocking;
  made.thread = self().key;
  if (kind != stream_kind::created) return index;
  // Handles come back now and then, as pointers do.
  if (!free_stream_slots.empty() && random() % 2 == 0) {
    made.slot = free_stream_slots.back();
    free_stream_slots.pop_back();
    stream_slots[made.slot] = index;
  } else {
    made.slot = stream_slots.size();
    stream_slots.push_back(index);
  }
  return index;
}

std::size_t world::find_stream(cudaStream_t handle) const {
  std::uintptr_t const distance = reinterpret_cast<std::uintptr_t>(handle) - first_handle;
  std::size_t const slot = distance / handle_distance;
  return distance % handle_distance == 0 && slot < stream_slots.size() ? stream_slots[slot] : none;
}

cudaStream_t world::handle_of(stream_state const& stream) {
  return reinterpret_cast<cudaStream_t>(first_handle + stream.slot * handle_distance);
}

std::size_t world::stream_of(cudaStream_t handle, call asked_by) {
  if (handle == nullptr || handle == cudaStreamLegacy) {
    std::size_t& legacy = contexts[acting_context()].legacy_stream;
    if (legacy == none) legacy = make_stream(stream_kind::legacy, acting_context(), false);
    return legacy;
  }
  if (handle == cudaStreamPerThread) {
    for (std::size_t i = 0; i != streams.size(); ++i) {
      stream_state const& stream = streams[i];
      bool const own = stream.kind == stream_kind::per_thread && stream.thread == self().key;
      if (own && stream.context == acting_context()) return i;
    }
    return make_stream(stream_kind::per_thread, acting_context(), true);
  }
  std::size_t const found = find_stream(handle);
  if (found == none) violation(std::string(name_of(asked_by)) + ": the stream is destroyed or never was one");
  return found;
}

stamp world::enqueue(std::size_t stream, operation queued, call what, std::string const* named) {
  stream_state& on = streams[stream];
  on.clock.join(host);
  if (on.kind == stream_kind::legacy) {
    for (std::size_t i = 0; i != streams.size(); ++i) {
      stream_state const& other = streams[i];
      if (!other.blocking || other.context != on.context) continue;
      on.clock.join(other.clock);
      if (other.completed != other.queued) queued.waits.push_back({.stream = i, .sequence = other.queued});
    }
  } else if (std::size_t const legacy = contexts[on.context].legacy_stream; on.blocking && legacy != none) {
    stream_state const& other = streams[legacy];
    on.clock.join(other.clock);
    if (other.completed != other.queued) queued.waits.push_back({.stream = legacy, .sequence = other.queued});
  }
  auto const component = static_cast<std::uint32_t>(stream + 1);
  std::uint32_t const tick = on.clock.advance(component);
  queued.sequence = ++on.queued;
  if (options.queues != 0) {
    last_in_queue.resize(options.queues);
    place& before = last_in_queue[stream % options.queues];
    if (before.stream != none && !passed(before)) queued.waits.push_back(before);
    before = {.stream = stream, .sequence = queued.sequence};
  }
  if (on.queue.empty() && !on.half && !on.running) active.push_back(stream);
  on.queue.push_back(std::move(queued));
  if (options.threads) {
    start_worker(stream);
    changed.notify_all();
  }
  return {.component = component, .tick = tick, .what = what, .number = ++numbered, .label = named};
}

cudaError_t world::wait_for(place where, vector_clock const& known, call asked_by, world_lock& lock) {
  constexpr int idle_rounds_max = 10'000;
  vector_clock const then = known;  // the stream's own goes on while the lock is open
  int idle_rounds = 0;
  auto const dead = [&] { return death_of(streams[where.stream]); };
  while (dead() == cudaSuccess && !passed(where)) {
    if (options.threads) {
      changed.wait(lock);
      continue;
    }
    lock.unlock();
    run_hook(asked_by);
    lock.lock();
    if (dead() != cudaSuccess || passed(where)) break;
    if (step(lock)) {
      idle_rounds = 0;
    } else if (!has_hook() || ++idle_rounds == idle_rounds_max) {
      violation("deadlock: " + std::string(name_of(asked_by)) + " waits, and nothing can run");
      return cudaErrorUnknown;
    }
  }
  if (dead() != cudaSuccess) return dead();
  host.join(then);
  return cudaSuccess;
}

bool may_wait(call kind) {
  switch (kind) {
    case call::cuda_malloc:
    case call::cuda_free:
    case call::cuda_host_alloc:
    case call::cuda_free_host:
    case call::cuda_host_register:
    case call::cuda_host_unregister:
    case call::cu_mem_create:
    case call::cu_mem_map:
    case call::cu_mem_set_access:
    case call::cu_mem_unmap:
    case call::cu_mem_release: return true;
    default: return false;
  }
}

void world::wait_for_all(call asked_by, world_lock& lock) {
  std::vector<std::uint64_t> queued;
  for (stream_state const& stream : streams) queued.push_back(stream.queued);
  for (std::size_t i = 0; i != queued.size(); ++i) wait_for({.stream = i, .sequence = queued[i]}, {}, asked_by, lock);
}

cudaError_t world::synchronize(cudaStream_t handle, world_lock& lock) {
  constexpr call kind = call::cuda_stream_synchronize;
  std::size_t const on = stream_of(handle, kind);
  if (on == none) return cudaErrorInvalidResourceHandle;
  if (streams[on].capture != none) {
    invalidate(captures[streams[on].capture], kind);
    return cudaErrorStreamCaptureUnsupported;
  }
  if (streams[on].kind == stream_kind::legacy) {
    bool captured = false;
    if (cudaError_t const failed = capture_work(on, kind, captured); failed != cudaSuccess) return failed;
    enqueue(on, {}, kind);  // stands behind all that blocking streams have queued
  }
  return wait_for({.stream = on, .sequence = streams[on].queued}, streams[on].clock, kind, lock);
}

cudaError_t world::query_stream(std::size_t stream) {
  constexpr call kind = call::cuda_stream_query;
  if (streams[stream].capture != none) {
    invalidate(captures[streams[stream].capture], kind);
    return cudaErrorStreamCaptureUnsupported;
  }
  if (!passed({.stream = stream, .sequence = streams[stream].queued})) return cudaErrorNotReady;
  host.join(streams[stream].clock);
  return cudaSuccess;
}

cudaError_t world::destroy_stream(std::size_t stream) {
  stream_state& gone = streams[stream];
  if (gone.kind != stream_kind::created) {
    violation("cudaStreamDestroy: a default stream");
    return cudaErrorInvalidResourceHandle;
  }
  leave_capture(stream);
  stream_slots[gone.slot] = none;
  free_stream_slots.push_back(gone.slot);
  gone.live = false;
  changed.notify_all();
  return cudaSuccess;
}

}  // namespace tierpager::cuda_standin
