// How long callers were blocked in acquire after their streams had run dry. Until what a caller had queued before it blocked has
// run, its wait costs nothing and does not count. Every call is made under the lock. The waiter polls; each blocked caller
// begins and ends its own wait. Blocks nobody, and does not know what the callers wait for.
#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include <host/pager_core.hpp>
#include <tierpager/device.hpp>

namespace tierpager {

class stall_clock {
 public:
  /// One blocked caller's wait. It stays where it is from `begin` to `end`.
  struct wait {
    std::optional<fence> runs_until;                  // its stream has work to do until then; none: it has none left
    std::chrono::steady_clock::time_point dry_since;  // where it has none
  };

  /// Both outlive this.
  stall_clock(pager_core& core, device& on) : core_(core), device_(on) {}

  /// The caller is blocked, and its stream is taken to be dry.
  static void begin(wait& caller) { caller.dry_since = std::chrono::steady_clock::now(); }
  /// The stream still has work, until that fence has passed.
  void runs_until(wait& caller, fence last) TIERPAGER_REQUIRES(pager_lock);
  /// The caller goes on.
  void end(wait& caller) TIERPAGER_REQUIRES(pager_lock);

  /// Whether the stream of a blocked caller has work, so that there is something to poll.
  [[nodiscard]] bool any_runs() const TIERPAGER_REQUIRES(pager_lock) { return !running_.empty(); }
  /// Asks the device which of these streams have run dry. Unlocks for each question.
  void poll() TIERPAGER_REQUIRES(pager_lock);

  /// Over all callers whose waits are over.
  [[nodiscard]] double seconds() const TIERPAGER_REQUIRES(pager_lock) { return seconds_; }

 private:
  pager_core& core_;
  device& device_;
  std::vector<wait*> running_ TIERPAGER_GUARDED_BY(pager_lock);  // of callers whose streams still have work
  double seconds_ TIERPAGER_GUARDED_BY(pager_lock) = 0;
};

}  // namespace tierpager
