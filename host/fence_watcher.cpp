#include <host/fence_watcher.hpp>

#include <algorithm>
#include <chrono>
#include <iterator>

namespace tierpager {
namespace {

// A fence is polled this often while somebody may wait for it: at first, and at most.
constexpr std::chrono::microseconds poll_interval_min{20};
constexpr std::chrono::microseconds poll_interval_max{500};
constexpr unsigned poll_failures_max = 8;  // in a row, before what waits is told

}  // namespace

void fence_watcher::watch(fence until) {
  watched_[until.stream].insert(until.sequence);
  wake();
}

void fence_watcher::ask(fence about) {
  watched_[about.stream].insert(about.sequence);
  asked_.push_back(about);
  wake();
}

void fence_watcher::run() {
  device_.prepare_thread();
  scoped_lock const lock(core_.mutex());
  auto interval = poll_interval_min;
  unsigned failures = 0;
  while (!core_.closed()) {
    if (watched_.empty() && !stalls_.any_runs()) {
      wake_.wait(core_.mutex());
      interval = poll_interval_min;
    } else if (poll(failures)) {
      interval = poll_interval_min;
    } else {
      wake_.wait_for(core_.mutex(), interval);
      interval = std::min(2 * interval, poll_interval_max);
    }
  }
}

bool fence_watcher::poll(unsigned& failures) {
  std::vector<fence> heads;
  for (auto const& [stream, sequences] : watched_) heads.push_back({stream, *sequences.begin()});
  bool any = false;
  for (fence const head : heads) {
    core_.unlock();
    auto const over = device_.passed(head);
    core_.lock();
    if (!over.ok()) {
      bool const lost = over.error().code == errc::device_lost;
      if (lost) watched_.erase(head.stream);  // nothing runs there any more
      (void)answer_running(head.stream);
      if (lost || ++failures % poll_failures_max == 0) core_->query_failed(over.error());
    } else if (*over) {
      failures = 0;
      any = true;
      auto const at = watched_.find(head.stream);
      at->second.erase(at->second.begin(), at->second.upper_bound(head.sequence));
      if (at->second.empty()) watched_.erase(at);
      core_->passed(head);
      std::erase_if(asked_,
                    [&](fence about) { return about.stream == head.stream && about.sequence <= head.sequence; });
    } else {
      any = answer_running(head.stream) || any;
    }
    core_.dispatch();
  }
  stalls_.poll();
  return any;
}

void fence_watcher::tell_what_has_passed() {
  std::vector<std::vector<fence>> watched;  // of each stream, ascending
  for (auto const& [stream, sequences] : watched_) {
    std::vector<fence>& all = watched.emplace_back();
    for (std::uint64_t const sequence : sequences) all.push_back({stream, sequence});
  }
  std::vector<fence> passed;  // of each stream, the latest
  core_.unlock();
  for (std::vector<fence> const& all : watched) {
    auto const over = [&](fence each) {
      auto const answer = device_.passed(each);
      return answer.ok() && *answer;
    };
    auto const running = std::ranges::partition_point(all, over);
    if (running != all.begin()) passed.push_back(*std::prev(running));
  }
  core_.lock();
  for (fence const latest : passed) core_->passed(latest);
  core_.dispatch();
}

// The oldest watched fence of the stream has not passed, or cannot say so: nor have those that were asked about.
bool fence_watcher::answer_running(std::uint32_t stream) {
  std::vector<fence> about;
  std::erase_if(asked_, [&](fence each) {
    if (each.stream == stream) about.push_back(each);
    return each.stream == stream;
  });
  for (fence const each : about) core_->running(each);
  return !about.empty();
}

}  // namespace tierpager
