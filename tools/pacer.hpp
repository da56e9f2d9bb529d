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
  /// How much of the time claimed so far is over. Never grows faster than time goes by.
  [[nodiscard]] double spent_seconds(clock::time_point now) const;

 private:
  static constexpr std::chrono::microseconds late_max{300};

  std::stop_token const stop_;
  mutable std::mutex mutex_;
  clock::time_point due_;
  double claimed_seconds_ = 0;
};

}  // namespace tierpager::tools
