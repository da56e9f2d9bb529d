#include <host/last_uses.hpp>

#include <chrono>

namespace tierpager {

std::uint32_t last_uses::add_unproven(stream_ref stream) {
  std::uint32_t const key = keys_.load(std::memory_order_relaxed);
  unproven_.push_back({stream, key});
  keys_.store(key + 1, std::memory_order_release);
  return key;
}

void last_uses::proved(stream_ref stream, fence recorded, std::uint32_t keys_before) {
  note(recorded);
  std::erase_if(unproven_, [&](unproven_use const& each) TIERPAGER_NO_THREAD_SAFETY_ANALYSIS {
    if (each.stream != stream || each.key >= keys_before) return false;
    core_->prove(recorded, each.key);
    return true;
  });
}

// A release on this stream could not record its fence: the thread that uses the stream now may.
void last_uses::prove_on(stream_ref stream) {
  bool const any =
      std::any_of(unproven_.begin(), unproven_.end(), [&](unproven_use const& each) { return each.stream == stream; });
  if (!any) return;
  std::uint32_t const keys_before = keys_.load(std::memory_order_relaxed);
  core_.unlock();
  auto const recorded = device_.record(stream);
  core_.lock();
  if (recorded.ok())
    proved(stream, *recorded, keys_before);
  else
    core_.tell_if_lost(recorded.error());
  core_.dispatch();
}

// What a failing device cannot say within this many questions, about a second of them in all, is not waited for.
void last_uses::wait_for_all(bool copies_too) {
  constexpr unsigned failures_max = 20000;
  unsigned failures = 0;
  auto const wait_out = [&](fence use) {
    for (auto over = device_.passed(use); !over.ok() || !*over; over = device_.passed(use)) {
      bool const lost = !over.ok() && over.error().code == errc::device_lost;
      if (lost || (!over.ok() && ++failures >= failures_max)) return;
      sleep_for(std::chrono::microseconds(50));
    }
  };
  for (std::uint32_t stream = 0; stream < sequences_.size(); ++stream)
    if (sequences_[stream] > 0) wait_out({.stream = stream, .sequence = sequences_[stream]});
  for (unproven_use const& each : unproven_)
    if (auto const recorded = device_.record(each.stream); recorded.ok()) wait_out(*recorded);
  if (copies_too)  // also a copy whose call failed, and which may run after all
    if (auto const recorded = device_.record(device_.copy_stream()); recorded.ok()) wait_out(*recorded);
}

}  // namespace tierpager
