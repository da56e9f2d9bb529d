// The one world of the stand-in: its objects, its rules, and the lock that guards them. The entry points call it, under
// the lock; bytes are touched, and code of the test runs, without it. Not for tests: they see standin.hpp and CUDA.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <tests/cuda_standin/fault_plan.hpp>
#include <tests/cuda_standin/objects.hpp>
#include <tests/cuda_standin/standin.hpp>

namespace tierpager::cuda_standin {

using world_lock = std::unique_lock<std::mutex>;

/// Memory that an operation is about to touch: the part of one allocation.
struct part {
  allocation* of = nullptr;
  std::uint64_t first = 0;  // from the allocation's base
  std::uint64_t last = 0;
};
enum class place_kind : std::uint8_t { pageable, page_locked, device, wrong };
struct resolved {
  place_kind kind = place_kind::wrong;
  std::vector<part> parts = {};
};

class world {
 public:
  explicit world(world_options const& how);
  world(world const&) = delete;
  world& operator=(world const&) = delete;
  ~world();

  // world.cpp: admission, faults, errors, what is seen
  /// Counts the call; what it fails with before it does anything, if it does.
  cudaError_t admit(call kind);
  thread_state& self();
  void kill(std::size_t context, cudaError_t code);
  void violation(std::string text);
  std::uint64_t random();
  std::string const* label(std::string text);
  [[nodiscard]] bool device_exists(int device) const { return device >= 0 && device < options.devices; }
  [[nodiscard]] totals live() const;

  // contexts.cpp
  static std::uint64_t handle_of_context(std::size_t context);
  /// One that exists, or none.
  [[nodiscard]] std::size_t find_context(std::uint64_t handle) const;
  /// On the calling thread; none where none is.
  std::size_t current_context();
  /// The current one, else the one that the runtime would make current.
  std::size_t acting_context();
  int acting_device() { return contexts[acting_context()].device; }
  /// What a call needs before it does anything: a context, alive; the runtime's calls create it.
  cudaError_t enter_context(call kind);
  cudaError_t create_context(std::size_t context);
  void destroy_context(std::size_t context);
  cudaError_t set_device(int device);
  cudaError_t retain_primary(std::uint64_t* handle, int device);
  cudaError_t release_primary(int device);
  cudaError_t push_context(std::uint64_t handle);
  cudaError_t pop_context(std::uint64_t* handle);
  std::uint64_t make_own_context(int device);
  [[nodiscard]] cudaError_t death_of(stream_state const& stream) const { return contexts[stream.context].dead; }

  // streams.cpp
  std::size_t make_stream(stream_kind kind, std::size_t context, bool blocking);
  /// The stream that a handle means to this thread; `none`, and a violation, where it means none.
  std::size_t stream_of(cudaStream_t handle, call asked_by);
  /// A stream that was created, or none; no violation.
  [[nodiscard]] std::size_t find_stream(cudaStream_t handle) const;
  static cudaStream_t handle_of(stream_state const& stream);
  /// Puts an operation behind what the stream has queued, and what that waits for.
  stamp enqueue(std::size_t stream, operation queued, call what, std::string const* named = nullptr);
  [[nodiscard]] bool passed(place where) const { return streams[where.stream].completed >= where.sequence; }
  /// Waits until it is passed; the host then knows what the stream knew when `known` was taken.
  cudaError_t wait_for(place where, vector_clock const& known, call asked_by, world_lock& lock);
  /// Waits for all that is queued now, on every stream; the host learns nothing by it.
  void wait_for_all(call asked_by, world_lock& lock);
  cudaError_t synchronize(cudaStream_t handle, world_lock& lock);
  cudaError_t query_stream(std::size_t stream);
  cudaError_t destroy_stream(std::size_t stream);

  // scheduler.cpp
  bool step(world_lock& lock);
  [[nodiscard]] bool pending() const;
  void stop_workers(world_lock& lock);
  void start_worker(std::size_t stream);
  void join_done_workers();
  /// Joins the threads of streams that are destroyed and idle: nobody else would.
  void finish_destroyed(world_lock& lock);

  // events.cpp
  event_state* find_event(cudaEvent_t handle);
  event_state* event_of(cudaEvent_t handle, call asked_by);
  cudaError_t make_event(cudaEvent_t* event, std::size_t context);
  cudaError_t destroy_event(cudaEvent_t handle);
  cudaError_t record(cudaEvent_t handle, cudaStream_t stream);
  cudaError_t query(cudaEvent_t handle);
  cudaError_t wait_event(cudaStream_t stream, cudaEvent_t handle);

  // memory.cpp
  resolved resolve(void const* at, std::uint64_t bytes);
  /// Checks an access against earlier ones, records it, and reports what nothing orders.
  void touch(part const& where, bool writes, stamp const& who, vector_clock const& clock);
  stamp host_stamp(call what, std::string const* named = nullptr);
  allocation* find_allocation(void const* base);
  allocation& add_allocation(allocation block);
  /// The memory goes: whatever may still use it is reported.
  void remove_allocation(allocation& block, call why);
  [[nodiscard]] bool still_there(use const& one) const;
  cudaError_t malloc_device(void** base, std::uint64_t bytes, int device);
  cudaError_t free_device(void* base);
  cudaError_t host_register(void* base, std::uint64_t bytes);
  cudaError_t host_unregister(void* base);
  cudaError_t host_alloc(void** base, std::uint64_t bytes);
  cudaError_t free_host(void* base);
  void add_vram(int device, std::uint64_t bytes);
  void fill(std::byte* base, std::uint64_t bytes);

  // copies.cpp
  cudaError_t copy(void* target, void const* source, std::uint64_t bytes, cudaMemcpyKind kind, cudaStream_t stream,
                   world_lock& lock);
  cudaError_t launch(cudaStream_t stream, std::vector<access> const& touched, std::function<void()> kernel,
                     std::string const* what);
  cudaError_t host_function(cudaStream_t stream, cudaHostFn_t function, void* user_data);

  // vmm.cpp
  cudaError_t reserve(std::uint64_t* base, std::uint64_t bytes, std::uint64_t alignment);
  cudaError_t free_reserved(std::uint64_t base, std::uint64_t bytes);
  cudaError_t create(std::uint64_t* handle, std::uint64_t bytes, int device);
  cudaError_t release(std::uint64_t handle);
  cudaError_t map(std::uint64_t base, std::uint64_t bytes, std::uint64_t offset, std::uint64_t handle);
  cudaError_t unmap(std::uint64_t base, std::uint64_t bytes);
  cudaError_t set_access(std::uint64_t base, std::uint64_t bytes, int device, bool readable, bool writable);
  /// The mappings that make up exactly that range; empty where there are none such.
  std::vector<allocation*> mappings_of(std::uint64_t base, std::uint64_t bytes);
  void drop_if_unused(std::uint64_t handle);
  void drop_backing();

  // captures.cpp
  cudaError_t begin_capture(cudaStream_t handle, cudaStreamCaptureMode mode);
  cudaError_t end_capture(cudaStream_t handle, cudaGraph_t* graph);
  cudaError_t destroy_graph(cudaGraph_t graph);
  cudaError_t is_capturing(cudaStream_t handle, cudaStreamCaptureStatus* status);
  /// What a call that may break captures meets: the error, where it broke some.
  cudaError_t admit_unsafe(call kind);
  void invalidate(capture_state& capture, call by);
  /// What work on a stream meets: an error, or `captured` is whether it goes into a graph.
  cudaError_t capture_work(std::size_t stream, call kind, bool& captured);
  cudaError_t capture_wait(std::size_t stream, event_state& event, bool& captured);
  vector_clock& progress_of(std::size_t stream);
  [[nodiscard]] bool blocking_capture_in(std::size_t context) const;
  void leave_capture(std::size_t stream);
  void close(capture_state& ended);

  world_options options;
  std::mutex mutex;
  std::condition_variable changed;  // an operation was queued or completed, or a context died

  std::deque<context_state> contexts;  // the primary ones first, by device

  std::deque<stream_state> streams;
  std::vector<place> last_in_queue;       // of the hardware
  std::vector<std::size_t> stream_slots;  // by handle
  std::deque<event_state> events;
  std::vector<std::size_t> event_slots;
  std::vector<std::size_t> free_stream_slots;
  std::vector<std::size_t> free_event_slots;
  std::vector<std::size_t> free_events;  // states to be used again
  std::vector<std::size_t> active;       // streams with work
  std::deque<capture_state> captures;
  std::size_t captures_active = 0;
  std::uint64_t graphs = 0;

  std::map<std::uintptr_t, allocation> allocations;
  std::map<std::uintptr_t, reservation> reservations;
  std::map<std::uint64_t, physical> handles;
  std::uint64_t next_handle = 1;
  std::uint64_t next_allocation = 1;
  std::vector<std::uint64_t> vram_used;  // by device
  std::uint64_t page_locked_used = 0;
  std::uint64_t peak_vram = 0;
  std::uint64_t peak_page_locked = 0;
  std::uint64_t vram_limit = ~std::uint64_t{0};
  std::uint64_t page_locked_limit = ~std::uint64_t{0};

  vector_clock host;
  std::uint64_t numbered = 0;  // operations and host accesses
  std::vector<thread_state> threads;
  std::unordered_set<std::string> labels;

  fault_counter faults;
  bool stopping = false;
  std::uint64_t random_state = 0;
  std::vector<std::string> seen;

 private:
  bool runnable(stream_state const& stream) const;
  void run_part_of(std::size_t stream, world_lock& lock);
  static void run_bytes_or_body(operation& queued);
  void work(std::size_t stream);
  void add_page_locked(std::uint64_t bytes);
};

/// The current world; the first one comes from the environment.
world& the_world();
void replace_world(world_options const& options);
void run_hook(call kind);
void run_hook_behind(call kind);
bool has_hook();
/// Set while an operation's code runs on this thread: it may not call CUDA.
bool& in_operation();
world_options options_from_environment();

/// CUDA leaves open whether it waits for the device.
bool may_wait(call kind);

/// What every entry point does: the hooks, the lock, the count, faults, the last error. `body(world, lock)` is the call
/// itself; `refused(world)` runs instead where the call fails before it does anything.
template <class Body, class Refused>
cudaError_t modelled(call kind, bool runtime, Body&& body, Refused&& refused) {
  run_hook(kind);
  cudaError_t result = cudaSuccess;
  {
    world& all = the_world();
    world_lock lock(all.mutex);
    result = all.admit(kind);
    if (result == cudaSuccess && all.options.calls_wait && may_wait(kind)) all.wait_for_all(kind, lock);
    if (result == cudaSuccess) {
      result = body(all, lock);
    } else {
      refused(all, lock);
    }
    // "Not yet" is no error (CUDA programming guide, "Error Checking").
    if (runtime && result != cudaSuccess && result != cudaErrorNotReady) all.self().last_error = result;
  }
  run_hook_behind(kind);
  return result;
}

template <class Body>
cudaError_t runtime_call(call kind, Body&& body) {
  return modelled(kind, true, body, [](world&, world_lock&) {});
}

}  // namespace tierpager::cuda_standin
