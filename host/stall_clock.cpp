#include <host/stall_clock.hpp>

namespace tierpager {

void stall_clock::runs_until(wait& caller, fence last) {
  caller.runs_until = last;
  running_.push_back(&caller);
}

void stall_clock::end(wait& caller) {
  if (std::erase(running_, &caller) == 0)
    seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - caller.dry_since).count();
}

void stall_clock::poll() {
  std::vector<fence> lasts;
  for (wait const* each : running_) lasts.push_back(*each->runs_until);
  for (fence const last : lasts) {
    core_.unlock();
    auto const over = device_.passed(last);
    auto const now = std::chrono::steady_clock::now();
    core_.lock();
    bool const lost = !over.ok() && over.error().code == errc::device_lost;
    if (lost) core_->query_failed(over.error());
    if (!lost && !(over.ok() && *over)) continue;
    std::erase_if(running_, [&](wait* each) {
      if (each->runs_until == last) each->dry_since = now;
      return each->runs_until == last;
    });
    core_.dispatch();
  }
}

}  // namespace tierpager
