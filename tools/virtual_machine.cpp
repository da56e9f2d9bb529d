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
  stream& each = streams_[which];
  each.free_at = std::max(each.free_at, start) + seconds;
  each.ends.push_back(each.free_at);
  return record(which);
}

// However long a plan, no more is kept than what the device has before it.
void virtual_machine::forget(std::uint32_t which, double until) {
  stream& queue = streams_[which];
  for (; !queue.ends.empty() && queue.ends.front() <= until; queue.ends.pop_front()) ++queue.over;
}

double virtual_machine::passes_at(fence which) const {
  stream const& queue = streams_.at(which.stream);
  return which.sequence <= queue.over ? 0 : queue.ends.at(which.sequence - queue.over - 1);
}

}  // namespace tierpager::tools
