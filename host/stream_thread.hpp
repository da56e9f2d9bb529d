// What the thread of a host_stream can be asked by the work that it runs: to do something behind all that is queued. For what
// must not wait there for the stream itself. Each thread for itself.
#pragma once

#include <functional>

namespace tierpager {

class stream_thread {
 public:
  stream_thread() = default;
  stream_thread(stream_thread const&) = delete;
  stream_thread& operator=(stream_thread const&) = delete;
  virtual ~stream_thread() = default;

  /// Runs `what` on this thread once all that was queued by now has run.
  virtual void run_last(std::function<void()> what) = 0;
};

/// The stream whose work the calling thread runs, or null.
inline thread_local stream_thread* this_stream_thread = nullptr;

}  // namespace tierpager
