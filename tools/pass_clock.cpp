#include <tools/pass_clock.hpp>

#include <utility>

namespace tierpager::tools {

pass_clock::pass_clock(device& on, copied_bytes_until copied_bytes)
    : device_(on), copied_bytes_(std::move(copied_bytes)), watcher_([this](std::stop_token const& stop) {
        device_.prepare_thread();
        watch(stop);
      }) {}

pass_clock::reading pass_clock::read_now() const {
  clock::time_point const now = clock::now();
  return {.at = now, .copied_bytes = copied_bytes_ ? copied_bytes_(now) : 0};
}

void pass_clock::end_behind(stream_ref stream) {
  fence const end = value_or_throw(device_.record(stream));
  std::scoped_lock const lock(mutex_);
  ends_.push_back(end);
  changed_.notify_all();
}

void pass_clock::end_now() {
  std::scoped_lock const lock(mutex_);
  seen_.push_back(read_now());
}

void pass_clock::watch(std::stop_token const& stop) {
  constexpr std::chrono::microseconds look_interval{50};
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [this] { return !ends_.empty() && !why_not_; }) && !stop.stop_requested()) {
    fence const next = ends_.front();
    lock.unlock();
    auto const over = device_.passed(next);
    reading const now = read_now();
    lock.lock();
    if (over.ok() && !*over) {
      (void)changed_.wait_for(lock, stop, look_interval, [] { return false; });
      continue;
    }
    if (over.ok())
      seen_.push_back(now);
    else
      why_not_ = over.error();
    ends_.pop_front();
    changed_.notify_all();
  }
}

std::vector<pass_clock::reading> pass_clock::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return ends_.empty() || why_not_; });
  if (why_not_) throw error(*why_not_);
  return seen_;
}

}  // namespace tierpager::tools
