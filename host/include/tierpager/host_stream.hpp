// A stream of the host device: a queue of work run in order by a thread of its own, as a CUDA stream would. Any
// thread may submit. What the reference device is to a GPU, this is to a cudaStream_t.
#pragma once

#include <concepts>
#include <memory>
#include <type_traits>
#include <utility>

#include <tierpager/export.hpp>
#include <tierpager/types.hpp>

namespace tierpager {

class host_stream_queue;
struct host_stream_identity;

/// A stream of work for the CPU, for pagers on the host device.
class TIERPAGER_EXPORT host_stream {
 public:
  /// Starts the thread.
  host_stream();
  host_stream(host_stream const&) = delete;
  host_stream& operator=(host_stream const&) = delete;
  ~host_stream();  // runs what was submitted, then ends; if a pager saw the stream, call retire_stream first

  /// Queues work: anything that can be called without arguments, and moved or copied here. Does not wait. The work must not
  /// throw: that ends the program. Where it cannot be queued for want of memory, std::bad_alloc is thrown and it is
  /// destroyed at once.
  ///
  /// The work is destroyed as soon as it has run, on the stream's own thread, and what it holds with it. So a handle can be
  /// moved into it, and then is released behind the work that uses it, as if it had been released elsewhere at that moment:
  /// the bytes stay right for all that was queued here by then. It is also released on another thread than the one that
  /// acquired it; a program that goes on acquiring meanwhile gives such handles owners of their own (wait_options::owner,
  /// new_owner()), or an acquire that finds no room may take them for its own and fail with `would_deadlock`, not wait.
  template <class Work>
  requires std::invocable < std::decay_t<Work>
  & > void submit(Work&& work) { push(std::make_unique<task_of<std::decay_t<Work>>>(std::forward<Work>(work))); }
  /// Waits until everything submitted so far has run. Not to be called by that work.
  void synchronize();
  /// For calls that take a stream. Valid as long as this object.
  operator stream_ref() {  // NOLINT(google-explicit-constructor)
    return {identity_.get(), stream_kind::host};
  }

 private:
  friend class host_device;
  friend class host_stream_queue;
  friend struct host_stream_access;
  class TIERPAGER_EXPORT task {
   public:
    task() = default;
    task(task const&) = delete;
    task& operator=(task const&) = delete;
    virtual ~task() = default;
    virtual void run() = 0;
  };
  template <class Work>
  class task_of final : public task {
   public:
    template <class From>
    explicit task_of(From&& from) : work_(std::forward<From>(from)) {}
    void run() override { (void)work_(); }

   private:
    Work work_;
  };

  void push(std::unique_ptr<task> work);

  std::shared_ptr<host_stream_identity> identity_;
  std::shared_ptr<host_stream_queue> queue_;
};

}  // namespace tierpager
