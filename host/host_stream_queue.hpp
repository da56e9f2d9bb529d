// What a host_stream shares with the host device: the queue, its progress, its thread. Any thread; the destructor of
// the stream alone ends it. A queue outlives its stream as long as other streams wait on its fences.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <utility>

#include <host/host_stream_identity.hpp>
#include <host/stream_thread.hpp>
#include <host/threading.hpp>
#include <tierpager/host_stream.hpp>

namespace tierpager {

class host_stream_queue final : private stream_thread {
 public:
  explicit host_stream_queue(std::shared_ptr<host_stream_identity> of) : identity_(std::move(of)) {}

  /// Queues an operation; returns how many were queued by then: the sequence a fence behind it has.
  std::uint64_t push(std::unique_ptr<host_stream::task> work) TIERPAGER_EXCLUDES(mutex_);
  /// The same of anything that can be called.
  template <class Work>
  std::uint64_t push_work(Work work) TIERPAGER_EXCLUDES(mutex_) {
    return push(std::make_unique<host_stream::task_of<Work>>(std::move(work)));
  }
  [[nodiscard]] std::uint64_t pushed() const { return identity_->pushed.load(std::memory_order_acquire); }
  [[nodiscard]] bool has_run(std::uint64_t sequence) const { return run_.load(std::memory_order_acquire) >= sequence; }
  /// Waits until that many operations have run.
  void wait_until_run(std::uint64_t sequence) const TIERPAGER_EXCLUDES(mutex_);
  /// From the next operation on the thread pauses at points that follow from the seed; 0 ends that.
  void set_jitter(std::uint64_t seed) TIERPAGER_EXCLUDES(mutex_);

 private:
  friend class host_stream;
  static constexpr std::uint64_t nobody_waits = ~std::uint64_t{0};
  void start();
  void finish() TIERPAGER_EXCLUDES(mutex_);  // runs what was queued, then joins the thread
  void run() noexcept TIERPAGER_EXCLUDES(mutex_);
  void run_last(std::function<void()> what) override TIERPAGER_EXCLUDES(mutex_) { (void)push_work(std::move(what)); }

  std::shared_ptr<host_stream_identity> const identity_;
  std::thread thread_;  // touched by start and finish only

  mutable annotated_mutex mutex_;
  mutable std::condition_variable_any queued_, progressed_;
  std::deque<std::unique_ptr<host_stream::task>> work_ TIERPAGER_GUARDED_BY(mutex_);
  std::atomic<std::uint64_t> run_ = 0;  // written under the lock
  // The least that a thread waits for. Waking it for less would take the processor from what the stream runs.
  mutable std::uint64_t awaited_ TIERPAGER_GUARDED_BY(mutex_) = nobody_waits;
  std::uint64_t jitter_seed_ TIERPAGER_GUARDED_BY(mutex_) = 0;
  bool ending_ TIERPAGER_GUARDED_BY(mutex_) = false;
};

/// Pauses the calling thread, or not, as `seed` and `point` say: mostly not, sometimes for long enough that a missing
/// fence elsewhere shows.
void jitter(std::uint64_t seed, std::uint64_t point);

}  // namespace tierpager
