// A stream of the host device: a queue of work run in order by a thread of its own, as a CUDA stream would. Any
// thread may submit. What the reference device is to a GPU, this is to a cudaStream_t.
#pragma once

#include <functional>
#include <memory>

#include <tierpager/types.hpp>

namespace tierpager {

/// A stream of work for the CPU, for pagers on the host device.
class host_stream {
 public:
  /// Starts the thread.
  host_stream();
  host_stream(host_stream const&) = delete;
  host_stream& operator=(host_stream const&) = delete;
  ~host_stream();  // runs what was submitted, then ends; if a pager saw the stream, call retire_stream first

  /// Queues work that must not throw. Does not wait.
  void submit(std::function<void()> work);
  /// Waits until everything submitted so far has run.
  void synchronize();
  /// For calls that take a stream. Valid as long as this object.
  operator stream_ref() { return stream_ref(static_cast<void*>(this)); }  // NOLINT(google-explicit-constructor)

 private:
  friend class host_device;
  struct queue;
  std::shared_ptr<queue> queue_;
};

}  // namespace tierpager
