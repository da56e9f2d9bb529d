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
  double start = now;
  for (fence const each : after) start = std::max(start, passes_at(each));
  return queue(copies, start, seconds_for(bytes, rates_.link_bytes_per_second));
}

void virtual_machine::wait(fence until) { (void)queue(compute, passes_at(until), 0); }

void virtual_machine::launch(double now, double seconds) { (void)queue(compute, now, seconds); }

fence virtual_machine::queue(std::uint32_t which, double start, double seconds) {
  stream& one = streams_[which];
  one.free_at = std::max(one.free_at, start) + seconds;
  one.ends.push_back(one.free_at);
  return record(which);
}

double virtual_machine::passes_at(fence which) const {
  return which.sequence == 0 ? 0 : streams_.at(which.stream).ends.at(which.sequence - 1);
}

}  // namespace tierpager::tools
