// The callers that are blocked in acquire, each until the core grants or rejects its request, its deadline passes or it is stopped.
// Any thread, under the lock; the calling thread waits on a condition of its own, so that a grant wakes that thread alone.
// Does not acquire: the core says what became of a request.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <span>

#include <host/fence_watcher.hpp>
#include <host/pager_core.hpp>
#include <host/plan_maker.hpp>
#include <host/stall_clock.hpp>
#include <host/trace.hpp>
#include <tierpager/device.hpp>
#include <tierpager/pager.hpp>

namespace tierpager {

/// What a caller that waits is about.
struct blocked_request {
  request_id request;
  std::span<tensor_id const> ids;
  stream_ref stream;  // null: none
};

class blocked_callers {
 public:
  /// All outlive this.
  blocked_callers(pager_core& core, device& on, tracer const& trace, plan_maker& plans, stall_clock& stalls,
                  fence_watcher& watcher)
      : core_(core), device_(on), trace_(trace), plans_(plans), stalls_(stalls), watcher_(watcher) {}

  /// Blocks until the request is over; why it was rejected, if it was. Opens `waiting`, for the caller to end without the lock.
  std::optional<failure> wait_for(blocked_request const& what, wait_options const& wait, trace_range& waiting)
      TIERPAGER_REQUIRES(pager_lock);
  /// The core has granted the request, or rejected it and says why. Its caller goes on.
  void end(request_id request, std::optional<failure> why) TIERPAGER_REQUIRES(pager_lock);

  [[nodiscard]] std::size_t size() const TIERPAGER_REQUIRES(pager_lock) { return callers_.size(); }

 private:
  struct caller {
    condition wake;
    bool over = false;
    std::optional<failure> why;
    stall_clock::wait stall;
  };

  void note_last_work(caller& blocked, stream_ref stream) TIERPAGER_REQUIRES(pager_lock);

  pager_core& core_;
  device& device_;
  tracer const& trace_;
  plan_maker& plans_;
  stall_clock& stalls_;
  fence_watcher& watcher_;
  std::map<request_id, caller*> callers_ TIERPAGER_GUARDED_BY(pager_lock);
};

}  // namespace tierpager
