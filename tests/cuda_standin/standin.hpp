// Controls the stand-in CUDA runtime: a model of CUDA on the CPU that tests link instead of cudart. Says when queued
// work runs, which calls fail, and what was seen that CUDA does not allow. There is one world at a time; its functions
// may be called from any thread, but reset() and the seeded steps only while no other thread is in a call. It runs no
// device code, and it is a model: conformance_test.cpp holds what it shares with the real runtime.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <cuda_runtime_api.h>

#include <tests/cuda_standin/calls.hpp>
#include <tests/cuda_standin/fault_plan.hpp>

namespace tierpager::cuda_standin {

struct world_options {
  std::uint64_t seed = 1;
  int devices = 1;
  bool vmm = true;
  bool can_register = true;
  std::uint64_t vram_bytes = std::uint64_t{256} << 20U;  // of each device
  std::uint64_t page_locked_bytes_max = ~std::uint64_t{0};
  std::uint64_t granule_bytes = std::uint64_t{64} << 10U;   // of virtual memory management
  std::uint64_t context_bytes = 0;                          // of VRAM, that each context takes
  std::uint64_t reservation_bytes_max = ~std::uint64_t{0};  // of address space, at once
  bool calls_wait = false;   // those that map, register, allocate or give back, for all that is queued
  unsigned queues = 0;       // of the hardware, which streams share: what waits holds up what comes behind; 0: one each
  int occupied_device = -1;  // in exclusive mode, and another process has it
  bool threads = false;      // streams run on a thread each; else step() runs them
  bool poison = true;        // new memory starts out wrong
  int driver_version = 13000;
};

/// A fresh world. Nothing of the old one may be running; its objects are gone.
void reset(world_options const& options);

/// Runs at the start of every modelled call and in every round of a wait, on the calling thread, with no lock of the
/// stand-in held: a scheduler of fibers yields here. Survives reset(); an empty function takes it away.
void on_call(std::function<void(call)> hook);
/// The same at the end of every modelled call: it has happened, and its caller knows nothing of that yet.
void on_return(std::function<void(call)> hook);

/// Which host thread runs from now on, as far as the last error, the current device, the capture mode and
/// cudaStreamPerThread go: for fibers, which share one thread. Fibers are numbered from 1; 0 gives the thread itself.
void host_thread(std::uint64_t fiber);

/// Runs one queued operation, or half a copy, of one stream, chosen by the seed among those that can run. False: none can.
bool step();
/// Operations are queued, even if none can run now.
bool pending();
/// Runs all that can run.
void run_all();
/// A held stream runs nothing until it is let go.
void hold(cudaStream_t stream);
void let_go(cudaStream_t stream);

struct access {
  void const* at = nullptr;
  std::uint64_t bytes = 0;
  bool writes = false;
};

/// What a kernel launch would be: `kernel` runs in stream order, and reads and writes exactly `what_it_touches`. Fails
/// as calls do (call::launch), but is not counted with the fallible calls.
cudaError_t launch(cudaStream_t stream, std::vector<access> what_it_touches, std::function<void()> kernel,
                   std::string what);
/// The CPU touches memory: the source writes page-locked RAM, a reader checks it. Pageable memory is not watched.
void host_access(access what_it_touches, std::string what);

/// An asynchronous error: the device's primary context is dead, its queued work is dropped, and every later call in it
/// reports `code`.
void kill_context(cudaError_t code, int device = 0);
/// Whether the device has a primary context.
bool context_exists(int device);
[[nodiscard]] bool context_is_dead(int device);
/// Makes a context that is not the primary one, and current on the calling thread until it is left.
void enter_own_context(int device);
/// The primary one, created if need be.
void enter_primary_context(int device);
void leave_context();
/// On the calling thread: a number for each, 0 for none.
std::uint64_t current_context();
std::uint64_t contexts_on_this_thread();

/// The n-th fallible call from now on, counted from 1, fails: of whatever kind, or of that kind. One plan at a time.
void fail_nth(std::uint64_t n, lasting how_long, cudaError_t code = cudaErrorUnknown);
void fail_nth(call kind, std::uint64_t n, lasting how_long, cudaError_t code = cudaErrorUnknown);
/// No call fails any more. A dead context stays dead.
void lift();

/// Calls since reset() or reset_counts(), failed ones included.
std::uint64_t calls(call kind);
std::uint64_t fallible_calls();
/// Calls that a plan, or a dead context, made fail.
std::uint64_t failed_calls();
void reset_counts();

/// More than this created and allocated, or registered and page-locked, at any moment is a violation.
void limit_bytes(std::uint64_t vram, std::uint64_t page_locked);

/// What is live, less what a failing call was asked to free; `abandoned` counts those.
struct totals {
  std::uint64_t streams = 0;
  std::uint64_t events = 0;
  std::uint64_t vram_bytes = 0;
  std::uint64_t page_locked_bytes = 0;
  std::uint64_t reserved_bytes = 0;
  std::uint64_t physical_handles = 0;
  std::uint64_t mappings = 0;
  std::uint64_t registrations = 0;
  std::uint64_t mallocs = 0;
  std::uint64_t host_allocs = 0;
  std::uint64_t graphs = 0;
  std::uint64_t contexts = 0;  // how often primary ones are retained
  std::uint64_t abandoned = 0;
  std::uint64_t peak_vram_bytes = 0;
  std::uint64_t peak_page_locked_bytes = 0;

  /// Objects of any kind.
  [[nodiscard]] std::uint64_t objects() const {
    return streams + events + (reserved_bytes != 0 ? 1 : 0) + physical_handles + mappings + registrations + mallocs +
           host_allocs + graphs + contexts;
  }
};
totals live();

/// What was seen since reset(): races, use of memory that is gone, misuse, budgets exceeded. Not to be read while other
/// threads are in calls.
std::vector<std::string> const& violations();

/// A stream's capture, as cudaStreamBeginCapture and cudaStreamEndCapture have it.
cudaError_t begin_capture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t end_capture(cudaStream_t stream);

}  // namespace tierpager::cuda_standin
