// The copier's loop, and the copies it has yet to queue on the copy stream. Copies are queued one at a time, in the order they were
// added, each after the last uses of the memory that it overwrites. Any thread adds work, under the lock; one thread runs the
// loop, and no other uses the copy stream. Does not wait for copies: the waiter hears when their fences pass.
#pragma once

#include <deque>
#include <optional>

#include <host/last_uses.hpp>
#include <host/pager_core.hpp>
#include <host/trace.hpp>
#include <tierpager/device.hpp>

namespace tierpager {

class copier {
 public:
  /// All outlive this. Fences on the copy stream are noted in `latest`.
  copier(pager_core& core, device& on, tracer const& trace, last_uses& latest)
      : core_(core), device_(on), trace_(trace), last_uses_(latest) {}

  void add(copy_command asked) TIERPAGER_REQUIRES(pager_lock);
  /// Behind the copies so far, a fence is recorded.
  void add_settle() TIERPAGER_REQUIRES(pager_lock);
  /// There is something new to do, or the pager closes.
  void wake() { wake_.notify_one(); }

  /// The copier's loop: returns when the pager closes.
  void run() TIERPAGER_EXCLUDES(pager_lock);

 private:
  void run_copy(copy_command const& next) TIERPAGER_REQUIRES(pager_lock);
  void run_settle() TIERPAGER_REQUIRES(pager_lock);

  pager_core& core_;
  device& device_;
  tracer const& trace_;
  last_uses& last_uses_;
  std::deque<std::optional<copy_command>> copies_ TIERPAGER_GUARDED_BY(pager_lock);  // none: settle
  condition wake_;                                                                   // the copier's
};

}  // namespace tierpager
