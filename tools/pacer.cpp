#include <tools/pacer.hpp>

#include <algorithm>
#include <condition_variable>

namespace tierpager::tools {

pacer::clock::time_point pacer::claim(double seconds) {
  constexpr std::chrono::hours century{100 * 365 * 24};  // three of them are more than the clock can count
  std::lock_guard const lock(mutex_);
  clock::time_point const now = clock::now();
  if (now > due_ + late_max) due_ = now;
  std::chrono::duration<double> const wanted =
      std::min(std::chrono::duration<double>(seconds), std::chrono::duration<double>(century));
  claimed_seconds_ += wanted.count();
  due_ = std::min(due_ + std::chrono::duration_cast<clock::duration>(wanted), now + century);
  return due_;
}

// A claim that comes a little late goes on where the one before it ended: until it can come no more, it is taken to.
double pacer::spent_seconds(clock::time_point now) const {
  std::lock_guard const lock(mutex_);
  if (now > due_ + late_max) return claimed_seconds_;
  return std::max(0.0, claimed_seconds_ - std::chrono::duration<double>(due_ - now).count());
}

void pacer::wait_until(clock::time_point due) const {
  std::mutex nobody_else;
  std::condition_variable_any never;
  std::unique_lock lock(nobody_else);
  (void)never.wait_until(lock, stop_, due, [] { return false; });
}

}  // namespace tierpager::tools
