// What a stream_ref of a host_stream points to: whether the stream is there, how much was queued on it, and what the device
// that saw it last knows it by. Devices keep it, so that a stream they saw and that was destroyed is found out. Any thread.
#pragma once

#include <atomic>
#include <cstdint>

#include <tierpager/host_stream.hpp>

namespace tierpager {

struct host_stream_identity {
  std::atomic<host_stream*> stream = nullptr;  // null once it is destroyed
  std::atomic<std::uint64_t> pushed = 0;       // operations queued so far; written under the queue's lock
  std::atomic<std::uint64_t> known_as = 0;     // to find its number in that device at once; 0: nothing
};

/// For what is no member: the host device's own kind of streams, from references to them.
struct host_stream_access {
  /// Whether the stream is a host_stream that was destroyed; not to be asked of one that no device has seen.
  static bool is_destroyed(stream_ref stream) {
    return stream.kind() == stream_kind::host && identity_of(stream).stream.load(std::memory_order_acquire) == nullptr;
  }
  /// The stream itself, which is there.
  static host_stream& stream_of(stream_ref stream) {
    return *identity_of(stream).stream.load(std::memory_order_acquire);
  }

 private:
  friend class host_device;
  static host_stream_identity& identity_of(stream_ref stream) {
    return *static_cast<host_stream_identity*>(stream.get());
  }
};

}  // namespace tierpager
