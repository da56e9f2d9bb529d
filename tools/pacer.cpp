#include <tools/pacer.hpp>

#include <algorithm>
#include <condition_variable>

namespace tierpager::tools {

pacer::clock::time_point pacer::claim(double seconds) {
  constexpr std::chrono::microseconds late_max{300};
  constexpr std::chrono::hours century{100 * 365 * 24};  // three of them are more than the clock can count
  std::lock_guard const lock(mutex_);
  clock::time_point const now = clock::now();
  if (now > due_ + late_max) due_ = now;
  std::chrono::duration<double> const wanted =
      std::min(std::chrono::duration<double>(seconds), std::chrono::duration<double>(century));
  due_ = std::min(due_ + std::chrono::duration_cast<clock::duration>(wanted), now + century);
  return due_;
}

void pacer::wait_until(clock::time_point due) const {
  std::mutex nobody_else;
  std::condition_variable_any never;
  std::unique_lock lock(nobody_else);
  (void)never.wait_until(lock, stop_, due, [] { return false; });
}

}  // namespace tierpager::tools
