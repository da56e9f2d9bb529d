#include <cuda/stream_table.hpp>

#include <algorithm>
#include <cassert>

#include <cuda/call_guard.hpp>

namespace tierpager {

result<std::uint32_t> stream_table::number_of(cudaStream_t stream) {
  if (stream_ref(stream).names_no_one_stream())
    return state_.refuse(errc::invalid_argument, "null and cudaStreamPerThread do not name one stream");
  unsigned long long id = 0;
  if (status known = state_.check(cudaStreamGetId(stream, &id), "cudaStreamGetId"); !known.ok()) return known.error();
  {
    std::scoped_lock const lock(mutex_);
    auto const at = numbers_.find(id);
    if (at != numbers_.end() && streams_[at->second].retired)
      return state_.refuse(errc::invalid_argument, "stream " + std::to_string(at->second) + " was retired");
    if (at != numbers_.end() && streams_[at->second].asked) return at->second;
  }
  auto const asked = ask_whose(stream);
  if (!asked.ok()) return asked.error();
  std::scoped_lock const lock(mutex_);
  auto const [at, fresh] = numbers_.try_emplace(id, static_cast<std::uint32_t>(streams_.size()));
  if (fresh) streams_.emplace_back();
  streams_[at->second].asked |= *asked;
  return at->second;
}

/// Fails where the stream is somebody else's; false where that cannot be asked now.
result<bool> stream_table::ask_whose(cudaStream_t stream) {
  auto const captured = capturing(stream);
  if (!captured.ok()) return captured.error();
  if (*captured) return false;
  auto const ours = context_.owns(stream);
  if (!ours.ok()) return ours.error();
  if (*ours) return true;
  return state_.refuse(errc::invalid_argument,
                       "the stream is of another device or of another context: create it where this device's primary "
                       "context is current, as after cudaSetDevice(" +
                           std::to_string(state_.ordinal()) + ")");
}

result<bool> stream_table::capturing(cudaStream_t stream) {
  cudaStreamCaptureStatus now = cudaStreamCaptureStatusNone;
  cudaError_t const code = cudaStreamIsCapturing(stream, &now);
  // The legacy stream, while a stream that it would wait for is being captured: as good as captured itself.
  if (code == cudaErrorStreamCaptureImplicit) return true;
  if (code != cudaSuccess) return state_.fail(code, "cudaStreamIsCapturing");
  return now != cudaStreamCaptureStatusNone;
}

status stream_table::refuse_capturing(cudaStream_t stream) {
  auto const captured = capturing(stream);
  if (!captured.ok()) return captured.error();
  if (!*captured) return {};
  return state_.refuse(errc::would_wait, "the stream is capturing a graph, where no fence can be had");
}

// Several threads may record on one stream at once, and no lock is held while they do. A sequence is minted only for an
// event that lies behind every event that got one before: a thread that finds that another was minted between looking and
// minting records its event again, which moves it behind.
result<fence> stream_table::record(cudaStream_t stream) {
  auto const number = number_of(stream);
  if (!number.ok()) return number.error();
  if (status may = refuse_capturing(stream); !may.ok()) return may.error();
  auto taken = pool_.take();
  if (!taken.ok()) return taken.error();
  auto const event = std::make_shared<recorded_event>(pool_, *taken);
  fence minted{.stream = *number};
  std::size_t kept = 0;
  for (bool behind_all = false; !behind_all;) {
    std::uint64_t seen = 0;
    {
      std::scoped_lock const lock(mutex_);
      seen = streams_[*number].issued;
    }
    if (status done = state_.check(cudaEventRecord(event->get(), stream), "cudaEventRecord"); !done.ok())
      return done.error();
    // Another thread may have begun a capture in between, and the event gone into its graph, which is not to be asked about.
    if (status may = refuse_capturing(stream); !may.ok()) return may.error();
    std::scoped_lock const lock(mutex_);
    seen_stream& each = streams_[*number];
    behind_all = each.issued == seen;
    if (!behind_all) continue;
    minted.sequence = ++each.issued;
    each.entries.push_back({minted.sequence, event});
    kept = each.entries.size();
  }
  if (kept > events_max) thin_out(*number);
  return minted;
}

// What has passed goes first. That is asked about the middle one only.
void stream_table::thin_out(std::uint32_t number) {
  entry middle;
  {
    std::scoped_lock const lock(mutex_);
    auto const& entries = streams_[number].entries;
    if (entries.size() <= events_max) return;
    middle = entries[entries.size() / 2];
  }
  {
    relaxed_capture const relaxed;
    if (auto const over = ask(number, middle); over.ok() && *over) return;
  }
  std::vector<entry> gone;  // released after the lock
  std::scoped_lock const lock(mutex_);
  auto& entries = streams_[number].entries;
  if (entries.size() <= events_max) return;
  std::vector<entry> kept;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    bool const stays = i % 2 == 1 || i + 1 == entries.size();
    (stays ? kept : gone).push_back(std::move(entries[i]));
  }
  entries.swap(kept);
}

result<stream_table::entry> stream_table::event_behind(fence which) {
  std::scoped_lock const lock(mutex_);
  if (which.stream >= streams_.size()) return state_.refuse(errc::invalid_argument, "a fence of an unknown stream");
  seen_stream const& seen = streams_[which.stream];
  if (which.sequence > seen.issued) return state_.refuse(errc::invalid_argument, "a fence that was never recorded");
  if (which.sequence <= seen.passed) return entry{};
  auto const behind = std::ranges::lower_bound(seen.entries, which.sequence, {}, &entry::sequence);
  assert(behind != seen.entries.end());
  return *behind;
}

result<bool> stream_table::ask(std::uint32_t number, entry const& about) {
  cudaError_t const code = cudaEventQuery(about.event->get());
  if (code == cudaErrorNotReady) return false;
  if (code == cudaErrorCapturedEvent) return forget_captured(number, about);
  if (code != cudaSuccess) return state_.fail(code, "cudaEventQuery");
  std::scoped_lock const lock(mutex_);
  seen_stream& seen = streams_[number];
  seen.passed = std::max(seen.passed, about.sequence);
  seen.entries.erase(seen.entries.begin(), std::ranges::upper_bound(seen.entries, seen.passed, {}, &entry::sequence));
  if (seen.retired && seen.entries.empty()) seen.entries.shrink_to_fit();  // none will come
  return true;
}

// A capture began and ended while the event was recorded, so it says nothing: the next one does.
failure stream_table::forget_captured(std::uint32_t number, entry const& about) {
  {
    std::scoped_lock const lock(mutex_);
    auto& entries = streams_[number].entries;
    auto const found = std::ranges::find(entries, about.sequence, &entry::sequence);
    if (found != entries.end() && std::next(found) != entries.end()) entries.erase(found);
  }
  return state_.refuse(
      errc::would_wait,
      "a fence went into a graph that another thread captured: the next use of its stream has another");
}

result<bool> stream_table::passed(fence which) {
  auto const behind = event_behind(which);
  if (!behind.ok()) return behind.error();
  if (behind->event == nullptr) return true;
  relaxed_capture const relaxed;
  return ask(which.stream, *behind);
}

status stream_table::wait_until_passed(fence which) {
  for (;;) {
    auto const over = passed(which);
    if (!over.ok()) return over.error();
    if (*over) return {};
    pause_between_polls();
  }
}

status stream_table::wait(cudaStream_t stream, fence until) {
  auto const number = number_of(stream);
  if (!number.ok()) return number.error();
  auto const behind = event_behind(until);
  if (!behind.ok()) return behind.error();
  if (behind->event == nullptr || *number == until.stream) return {};
  if (status may = refuse_capturing(stream); !may.ok()) return may;
  return state_.check(cudaStreamWaitEvent(stream, behind->event->get(), cudaEventWaitDefault), "cudaStreamWaitEvent");
}

status stream_table::retire(cudaStream_t stream) {
  auto const number = number_of(stream);
  if (!number.ok()) return number.error();
  std::scoped_lock const lock(mutex_);
  if (*number == 0) return state_.refuse(errc::invalid_argument, "the copy stream cannot be retired");
  streams_[*number].retired = true;
  return {};
}

}  // namespace tierpager
