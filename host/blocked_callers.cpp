#include <host/blocked_callers.hpp>

#include <cassert>
#include <chrono>
#include <utility>

namespace tierpager {

std::optional<failure> blocked_callers::wait_for(blocked_request const& what, wait_options const& wait,
                                                 trace_range& waiting) {
  caller me;
  callers_.emplace(what.request, &me);
  plans_.dispatch_and_plan();
  if (trace_.attached()) {
    core_.unlock();
    waiting.open(trace_, trace_kind::wait, what.ids);
    core_.lock();
  }
  note_last_work(me, what.stream);
  auto const over = [&] { return me.over; };
  auto const deadline = wait.deadline.value_or(std::chrono::steady_clock::time_point::max());
  bool const timed = wait.deadline.has_value();
  bool const in_time = timed ? me.wake.wait_until(core_.mutex(), wait.stop, deadline, over)
                             : me.wake.wait(core_.mutex(), wait.stop, over);
  if (!in_time) {
    bool const stopped = wait.stop.stop_requested();
    core_->cancel(what.request, stopped ? failure{.code = errc::cancelled, .what = "acquire was cancelled"}
                                        : core_->overdue(what.request));
    core_.dispatch();
    assert(me.over);
  }
  stalls_.end(me.stall);
  return std::move(me.why);
}

void blocked_callers::end(request_id request, std::optional<failure> why) {
  auto const found = callers_.find(request);
  assert(found != callers_.end());
  found->second->over = true;
  found->second->why = std::move(why);
  found->second->wake.notify_one();
  callers_.erase(found);
}

// What the caller queued before it blocked keeps its stream busy: until that has run, the wait costs nothing.
void blocked_callers::note_last_work(caller& blocked, stream_ref stream) {
  stall_clock::begin(blocked.stall);
  if (stream.get() == nullptr || blocked.over) return;
  core_.unlock();
  auto const last = device_.record(stream);
  auto const over = last.ok() ? device_.passed(*last) : result<bool>(last.error());
  core_.lock();
  if (!over.ok()) {
    core_.tell_if_lost(over.error());
    core_.dispatch();
  }
  if (!over.ok() || *over || blocked.over) return;
  stalls_.runs_until(blocked.stall, *last);
  watcher_.wake();
}

}  // namespace tierpager
