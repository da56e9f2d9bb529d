// The readers' loop and what they find to do: evictions that a profiler is told of, memory that comes and goes, chunks to read; in
// this order. Any thread adds work, under the lock; as many threads run the loop as were announced. A read is made without the
// lock and then told to the core. Starts no threads; decides nothing about memory.
#pragma once

#include <deque>
#include <vector>

#include <host/device_memory.hpp>
#include <host/pager_core.hpp>
#include <host/trace.hpp>
#include <tierpager/device.hpp>
#include <tierpager/source.hpp>

namespace tierpager {

class readers {
 public:
  /// All outlive this.
  readers(pager_core& core, source& from, device& on, catalog const& tensors, tracer const& trace,
          device_memory& memory)
      : core_(core), source_(from), device_(on), tensors_(tensors), trace_(trace), memory_(memory) {}

  void add(read_command asked) TIERPAGER_REQUIRES(pager_lock);
  /// The memory has work that no reader has begun with.
  void add_remap() TIERPAGER_REQUIRES(pager_lock) { wake(); }
  /// For the profiler; dropped where there is none.
  void add(tell_evicted_command const& told) TIERPAGER_REQUIRES(pager_lock);

  /// How many threads will run the loop, so that going to sleep allocates nothing.
  void reserve(unsigned threads) TIERPAGER_REQUIRES(pager_lock) { idle_.reserve(threads); }
  /// A reader's loop: returns when the pager closes.
  void run() TIERPAGER_EXCLUDES(pager_lock);
  /// When the pager closes.
  void wake_all() TIERPAGER_REQUIRES(pager_lock);

 private:
  void wake() TIERPAGER_REQUIRES(pager_lock);
  void run_read(read_command const& next) TIERPAGER_REQUIRES(pager_lock);
  void trace_evictions() TIERPAGER_REQUIRES(pager_lock);

  pager_core& core_;
  source& source_;
  device& device_;
  catalog const& tensors_;
  tracer const& trace_;
  device_memory& memory_;
  std::deque<read_command> reads_ TIERPAGER_GUARDED_BY(pager_lock);
  std::vector<tell_evicted_command> evicted_ TIERPAGER_GUARDED_BY(pager_lock);  // not traced yet
  // One thread waits on each condition: where several wait on one, glibc before 2.41 may lose a notification (bug 25847).
  std::vector<condition*> idle_ TIERPAGER_GUARDED_BY(pager_lock);  // each reader's own
};

}  // namespace tierpager
