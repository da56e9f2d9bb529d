#include <tools/virtual_machine.hpp>

#include <algorithm>

namespace tierpager::tools {

double seconds_for(std::uint64_t bytes, double bytes_per_second) {
  return bytes_per_second > 0 ? static_cast<double>(bytes) / bytes_per_second : 0;
}

double virtual_machine::read(double now, std::uint64_t bytes) {
  disk_free_at_ = std::max(now, disk_free_at_) + seconds_for(bytes, rates_.disk_bytes_per_second);
  return disk_free_at_;
}

fence virtual_machine::copy(double now, std::uint64_t bytes, std::span<fence const> after) {
  forget(copies, now);
  double start = now;
  for (fence const each : after) start = std::max(start, passes_at(each));
  return queue(copies, start, seconds_for(bytes, rates_.link_bytes_per_second));
}

void virtual_machine::wait(fence until) { (void)queue(compute, passes_at(until), 0); }

void virtual_machine::launch(double now, double seconds) {
  forget(compute, now);
  (void)queue(compute, now, seconds);
}

fence virtual_machine::queue(std::uint32_t which, double start, double seconds) {
  stream& one = streams_[which];
  one.free_at = std::max(one.free_at, start) + seconds;
  one.ends.push_back(one.free_at);
  return record(which);
}

// However long a plan, no more is kept than what the device has before it.
void virtual_machine::forget(std::uint32_t which, double until) {
  stream& one = streams_[which];
  for (; !one.ends.empty() && one.ends.front() <= until; one.ends.pop_front()) ++one.over;
}

double virtual_machine::passes_at(fence which) const {
  stream const& one = streams_.at(which.stream);
  return which.sequence <= one.over ? 0 : one.ends.at(which.sequence - one.over - 1);
}

}  // namespace tierpager::tools
