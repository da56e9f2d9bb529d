// A few page-locked slots through which copies from plain RAM go, where the driver registers none. Any thread, inside a
// call_guard; several copies share the slots. The CPU waits before it overwrites a slot still being copied from: the one
// wait that a copy may cost its caller.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include <cuda/stream_table.hpp>

namespace tierpager {

class bounce_buffer {
 public:
  bounce_buffer(device_state& state, stream_table& streams, cudaStream_t copy_stream)
      : state_(state), streams_(streams), copy_stream_(copy_stream) {}
  bounce_buffer(bounce_buffer const&) = delete;
  bounce_buffer& operator=(bounce_buffer const&) = delete;
  ~bounce_buffer();  // every copy has run, or the context is dead

  /// Once, before any copy.
  status allocate(std::size_t slots, std::uint64_t slot_bytes);
  /// Queues the copy on the copy stream, in order. After a failure a part of it may have been queued.
  status copy(std::byte* target, std::byte const* source, std::uint64_t bytes);

 private:
  struct slot {
    bool taken = false;
    std::uint64_t last_copy = 0;  // on the copy stream
  };

  std::size_t take();
  status copy_through(std::size_t index, std::byte* target, std::byte const* source, std::uint64_t bytes);

  device_state& state_;
  stream_table& streams_;
  cudaStream_t const copy_stream_;
  std::byte* base_ = nullptr;
  std::uint64_t slot_bytes_ = 0;

  std::mutex mutex_;
  std::vector<slot> slots_;
  std::size_t next_ = 0;
};

}  // namespace tierpager
