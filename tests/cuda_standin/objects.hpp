// What a world of the stand-in holds: contexts, streams with their queues, events, allocations, physical memory,
// captures, and what CUDA keeps for each host thread. Plain data, guarded by the world's lock; the rules are in the world.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include <cuda_runtime_api.h>

#include <tests/cuda_standin/clocks.hpp>

namespace tierpager::cuda_standin {

inline constexpr std::size_t none = ~std::size_t{0};

/// A place in a stream's order: passed once the stream has completed that many operations.
struct place {
  std::size_t stream = none;
  std::uint64_t sequence = 0;
};

/// An allocation that an operation uses, as it was when the operation was queued.
struct use {
  std::uintptr_t base = 0;
  std::uint64_t id = 0;
};

struct operation {
  std::uint64_t sequence = 0;
  std::vector<place> waits;
  std::vector<use> uses;
  std::byte* target = nullptr;  // a copy has a target
  std::byte const* source = nullptr;
  std::uint64_t bytes = 0;
  std::vector<std::byte> staged;  // a pageable source, as it was at the call
  bool half_done = false;
  std::function<void()> body;  // a kernel or a host function has a body
};

/// The primary one of a device, which the runtime shares with everybody, or one that a test made.
struct context_state {
  int device = 0;
  bool primary = false;
  bool exists = false;           // a primary one does from its first use on
  bool used_by_runtime = false;  // which never lets go of it
  std::uint64_t retained = 0;    // a primary one, through the driver
  std::uint64_t abandoned = 0;   // of these: a failing call was to let go
  cudaError_t dead = cudaSuccess;
  std::size_t legacy_stream = none;
};

enum class stream_kind : std::uint8_t { created, legacy, per_thread };

struct stream_state {
  stream_kind kind = stream_kind::created;
  unsigned long long id = 0;
  std::size_t context = none;
  bool blocking = true;  // synchronises with the legacy stream
  bool live = true;
  bool abandoned = false;
  bool held = false;
  std::size_t slot = none;
  std::uint64_t thread = 0;  // whose, if per_thread

  vector_clock clock;
  std::uint64_t queued = 0;
  std::uint64_t completed = 0;
  std::deque<operation> queue;
  std::optional<operation> half;  // begun and not completed
  bool running = false;
  std::thread worker;
  bool worker_done = false;

  std::size_t capture = none;
};

struct event_state {
  std::size_t context = none;
  bool live = true;
  bool abandoned = false;
  std::size_t slot = none;
  std::optional<place> record;
  vector_clock clock;              // of that record
  std::size_t captured = none;     // the capture it was recorded in, if it was
  vector_clock captured_progress;  // what of that capture it stands behind
};

struct capture_state {
  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  std::uint64_t thread = 0;
  std::size_t origin = none;
  bool active = true;
  bool invalidated = false;
  std::vector<std::size_t> streams;    // in it, the origin among them
  std::vector<vector_clock> progress;  // of each
};

enum class memory_kind : std::uint8_t { malloced, mapped, registered, host_alloced };

struct allocation {
  memory_kind kind = memory_kind::malloced;
  std::byte* base = nullptr;
  std::uint64_t bytes = 0;
  std::uint64_t id = 0;
  int device = 0;
  bool readable = true;
  bool writable = true;
  bool abandoned = false;
  std::uint64_t handle = 0;  // what is mapped
  access_table accesses = {};

  [[nodiscard]] bool on_device() const { return kind == memory_kind::malloced || kind == memory_kind::mapped; }
  [[nodiscard]] std::uintptr_t first() const { return reinterpret_cast<std::uintptr_t>(base); }
  [[nodiscard]] std::uintptr_t last() const { return first() + bytes; }
};

struct reservation {
  std::byte* base = nullptr;
  std::uint64_t bytes = 0;
  bool abandoned = false;
};

struct physical {
  std::uint64_t bytes = 0;
  int device = 0;
  bool released = false;
  bool abandoned = false;
  bool mapped = false;
  std::vector<std::byte> content = {};  // while it is not mapped, once it was
};

struct thread_state {
  std::uint64_t key = 0;
  int device = 0;                          // of the runtime, while no context is current
  std::vector<std::size_t> contexts = {};  // the last one is current
  cudaError_t last_error = cudaSuccess;
  cudaStreamCaptureMode capture_mode = cudaStreamCaptureModeGlobal;
};

}  // namespace tierpager::cuda_standin
