// Fences that the core wants to hear of, by stream, and the loop of the waiter, the one thread that polls them. It asks about the
// oldest fence of each stream and never blocks on one while another's has passed. Any thread adds fences, under the lock;
// one thread runs the loop. Records no fences.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include <host/pager_core.hpp>
#include <host/stall_clock.hpp>
#include <tierpager/device.hpp>

namespace tierpager {

class fence_watcher {
 public:
  /// All outlive this. `stalls` is polled with the fences.
  fence_watcher(pager_core& core, device& on, stall_clock& stalls) : core_(core), device_(on), stalls_(stalls) {}

  /// The core is told once that fence has passed.
  void watch(fence until) TIERPAGER_REQUIRES(pager_lock);
  /// The core is told at once whether it has passed, and once it has.
  void ask(fence about) TIERPAGER_REQUIRES(pager_lock);
  /// There is something new to poll, or the pager closes.
  void wake() { wake_.notify_one(); }

  /// The waiter's loop: returns when the pager closes.
  void run() TIERPAGER_EXCLUDES(pager_lock);
  /// One round of questions, without waiting; unlocks for each. True where an answer moved something on. `failures`: of
  /// questions in a row.
  bool poll(unsigned& failures) TIERPAGER_REQUIRES(pager_lock);
  /// Tells the core at once which of the watched fences have passed: the waiter would, but later. Unlocks meanwhile.
  void tell_what_has_passed() TIERPAGER_REQUIRES(pager_lock);

 private:
  bool answer_running(std::uint32_t stream) TIERPAGER_REQUIRES(pager_lock);

  pager_core& core_;
  device& device_;
  stall_clock& stalls_;
  std::map<std::uint32_t, std::set<std::uint64_t>> watched_ TIERPAGER_GUARDED_BY(pager_lock);  // sequences by stream
  std::vector<fence> asked_ TIERPAGER_GUARDED_BY(pager_lock);  // watched, and to be answered at once
  condition wake_;                                             // the waiter's
};

}  // namespace tierpager
