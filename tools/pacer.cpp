#include <tools/pacer.hpp>

#include <condition_variable>

namespace tierpager::tools {

pacer::clock::time_point pacer::claim(double seconds) {
  constexpr std::chrono::microseconds late_max{300};
  std::lock_guard const lock(mutex_);
  clock::time_point const now = clock::now();
  if (now > due_ + late_max) due_ = now;
  due_ += std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>(seconds));
  return due_;
}

void pacer::wait_until(clock::time_point due) const {
  std::mutex nobody_else;
  std::condition_variable_any never;
  std::unique_lock lock(nobody_else);
  (void)never.wait_until(lock, stop_, due, [] { return false; });
}

}  // namespace tierpager::tools
