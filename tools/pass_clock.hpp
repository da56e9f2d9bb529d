// When the work of each pass ends on its stream, seen by a thread of its own: the program that queues the passes runs ahead
// and waits for nothing. One thread calls it. Sees an end some microseconds late, all of them alike.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include <tierpager/device.hpp>

namespace tierpager::tools {

class pass_clock {
 public:
  using clock = std::chrono::steady_clock;
  struct reading {
    clock::time_point at;
    std::uint64_t copied_bytes = 0;  // over the link until then, where that is known
  };
  using copied_bytes_until = std::function<std::uint64_t(clock::time_point)>;

  /// `on` outlives this. `copied_bytes` is asked on the thread of this; empty where nobody knows.
  pass_clock(device& on, copied_bytes_until copied_bytes);
  pass_clock(pass_clock const&) = delete;
  pass_clock& operator=(pass_clock const&) = delete;
  ~pass_clock() = default;  // waits for no end that has not come

  /// A pass ends once everything queued on the stream so far has run. On the thread that queued it.
  void end_behind(stream_ref stream);
  /// A pass ends now, as nothing is queued anywhere.
  void end_now();
  /// All ends, in order; waits for the last. Throws what the device said where it cannot tell.
  [[nodiscard]] std::vector<reading> wait();

 private:
  void watch(std::stop_token const& stop);
  [[nodiscard]] reading read_now() const;

  device& device_;
  copied_bytes_until const copied_bytes_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<fence> ends_;  // to come
  std::vector<reading> seen_;
  std::optional<failure> why_not_;
  std::jthread watcher_;  // last: what it works with is there as long as it runs
};

}  // namespace tierpager::tools
