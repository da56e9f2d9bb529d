// Makes something take as long as it would at a lower rate: each claim ends so much later than the one before it. Any
// thread. Sleeps only in `wait_until`, holding nothing; the stop token ends that.
#pragma once

#include <chrono>
#include <mutex>
#include <stop_token>

namespace tierpager::tools {

class pacer {
 public:
  using clock = std::chrono::steady_clock;

  explicit pacer(std::stop_token stop) : stop_(std::move(stop)) {}

  /// When something that takes so long is over, one claim behind the other. What is claimed a little late, because a
  /// thread woke up late, loses nothing. Nothing takes longer than a century.
  clock::time_point claim(double seconds);
  void wait_until(clock::time_point due) const;

 private:
  std::stop_token const stop_;
  std::mutex mutex_;
  clock::time_point due_;
};

}  // namespace tierpager::tools
