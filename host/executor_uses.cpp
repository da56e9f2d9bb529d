// Streams and the end of uses: fences of releases, of streams that are retired, and of the executor itself.
#include <algorithm>
#include <cassert>
#include <chrono>

#include <host/executor.hpp>
#include <host/stream_thread.hpp>

namespace tierpager {

void executor::check_stream(stream_ref stream) const {
  if (takes(stream)) return;
  auto const refuse = [](std::string what) { throw error({.code = errc::invalid_argument, .what = std::move(what)}); };
  auto const name = [](stream_kind kind) {
    if (kind == stream_kind::own) return "a stream_ref made of a void*";
    return kind == stream_kind::host ? "a tierpager::host_stream" : "a CUDA stream";
  };
  if (stream.kind() != streams_)
    refuse("the device '" + std::string(device_->name()) + "' does not take " + name(stream.kind()) + ": pass " +
           name(streams_));
  // A null stream would be taken for none, and cudaStreamPerThread names another stream on each thread.
  if (stream.names_no_one_stream())
    refuse("null and cudaStreamPerThread do not name one stream: pass one that was created, or cudaStreamLegacy");
  refuse("the host_stream was destroyed: pass one that lives");
}

// What was left unproven on the stream under a key below `keys_before` was queued before this fence was recorded.
void executor::proved(stream_ref stream, fence recorded, std::uint32_t keys_before) {
  note_use(recorded);
  std::erase_if(unproven_, [&](unproven_use const& one) TIERPAGER_NO_THREAD_SAFETY_ANALYSIS {
    if (one.stream != stream || one.key >= keys_before) return false;
    core_->prove(recorded, one.key);
    return true;
  });
}

// The fence is recorded here, on the caller's thread, without the lock: the stream is the caller's. A retirement of the stream
// that begins meanwhile waits until this has recorded, and until a use whose fence could not be recorded is on the list.
void executor::release(handle const& one, stream_ref stream, std::uint64_t retirements_before) noexcept {
  if (stream.get() == nullptr) return release_unfenced(one);
  bool last = false;
  {
    releases_in_flight::entry inside(releases_);
    std::uint32_t const keys_before = unproven_keys_.load(std::memory_order_acquire);
    result<fence> const recorded = last_fence_of(stream, retirements_before, inside);
    scoped_lock const lock(mutex_, for_a_hit);
    uncount(one);
    if (!recorded.ok()) {
      release_unproven(one, stream, recorded.error());
    } else {
      if (unproven_.empty())
        note_use(*recorded);
      else
        proved(stream, *recorded, keys_before);
      note_releasing_thread(one);
      core_->release(one.id_, tier::vram, one.owner_, *recorded);
    }
    dispatch();
    inside.leave();
    last = leave();
  }
  if (last) delete_this();
}

// Nothing was queued, or by the CPU: the use is over.
void executor::release_unfenced(handle const& one) noexcept {
  bool last = false;
  {
    scoped_lock const lock(mutex_, for_a_hit);
    uncount(one);
    note_releasing_thread(one);
    core_->release(one.id_, one.tier_, one.owner_, std::nullopt);
    dispatch();
    last = leave();
  }
  if (last) delete_this();
}

void executor::release_unproven(handle const& one, stream_ref stream, failure const& why) {
  std::uint32_t const key = unproven_keys_.load(std::memory_order_relaxed);
  unproven_.push_back({stream, key});
  unproven_keys_.store(key + 1, std::memory_order_release);
  note_releasing_thread(one);
  core_->release_unproven(one.id_, one.owner_, key, why);
  tell_if_lost(why);
}

// Of a stream that may have been retired since the use began, and may be gone: the fence it was retired with, which another
// thread may be about to record. A new stream may lie where that one did, so the first such retirement is the one.
result<fence> executor::last_fence_of_retired(stream_ref stream, std::uint64_t retirements_before,
                                              releases_in_flight::entry& inside) {
  for (;;) {
    {
      scoped_lock const lock(mutex_);
      auto const* const found = streams_acquired_.retirement_of(stream, retirements_before);
      if (found == nullptr) break;
      if (found->last) return *found->last;
      inside.leave();  // the retirement waits for those inside
    }
    sleep_for(std::chrono::microseconds(20));
    inside.enter_again();
  }
  return device_->record(stream);
}

// An earlier release on this stream could not record its fence: this thread may, now.
void executor::prove_uses_on(stream_ref stream) {
  bool const any =
      std::any_of(unproven_.begin(), unproven_.end(), [&](unproven_use const& one) { return one.stream == stream; });
  if (!any) return;
  std::uint32_t const keys_before = unproven_keys_.load(std::memory_order_relaxed);
  mutex_.unlock();
  auto const recorded = device_->record(stream);
  mutex_.lock();
  if (recorded.ok())
    proved(stream, *recorded, keys_before);
  else
    tell_if_lost(recorded.error());
  dispatch();
}

// From here on a release on the stream waits for the fence that it is retired with.
std::uint64_t executor::announce_retirement(stream_ref stream) {
  scoped_lock const lock(mutex_);
  std::uint64_t const number = streams_acquired_.announce_retirement(stream);
  retirements_.store(number);
  return number;
}

void executor::take_back_retirement(std::uint64_t number) {
  scoped_lock const lock(mutex_);
  streams_acquired_.take_back_retirement(number);
}

void executor::retire_stream(stream_ref stream) {
  check_stream(stream);
  std::uint64_t const number = announce_retirement(stream);
  {
    scoped_lock const turn(retiring_);
    releases_.wait_for_those_inside(mutex_);
  }
  std::uint32_t const keys_before = unproven_keys_.load(std::memory_order_acquire);
  auto const last = device_->record(stream);
  if (!last.ok()) take_back_retirement(number);
  value_or_throw(last);
  auto const over = device_->passed(*last);
  {
    scoped_lock const lock(mutex_);
    proved(stream, *last, keys_before);
    if (over.ok() && *over) core_->passed(*last);
    core_->stream_retired(*last);
    streams_acquired_.retired(number, *last);
    dispatch();
  }
  value_or_throw(device_->retire(stream));
}

void executor::tell_if_lost(failure const& why) {
  if (why.code == errc::device_lost) core_->device_lost(why);
}

void executor::close() noexcept {
  {
    scoped_lock const lock(mutex_);
    if (closed_) return;
    closed_ = true;
    core_->close();
    dispatch();
    while (!idle_readers_.empty()) wake_reader();
    copier_wake_.notify_all();
    waiter_wake_.notify_all();
  }
  for (thread& one : threads_) one.join();
}

void executor::delete_this() noexcept {
  if (this_stream_thread == nullptr)
    delete this;
  else  // its destructor waits for what was queued there, too
    this_stream_thread->run_last([this] { delete this; });
}

void executor::abandon() noexcept {
  close();
  bool last = false;
  {
    scoped_lock const lock(mutex_);
    abandoned_ = true;
    last = outstanding_ == 0;
  }
  if (last) delete_this();
}

// Memory goes when the device does: not before the last use of every stream, and every copy, has run. What a failing
// device cannot say within this many questions, about a second of them in all, is not waited for.
executor::~executor() {
  constexpr unsigned failures_max = 20000;
  scoped_lock const lock(mutex_);
  assert(closed_ && outstanding_ == 0 && streams_acquired_.handles() == 0);
  unsigned failures = 0;
  auto const wait_out = [&](fence use) {
    for (auto over = device_->passed(use); !over.ok() || !*over; over = device_->passed(use)) {
      bool const lost = !over.ok() && over.error().code == errc::device_lost;
      if (lost || (!over.ok() && ++failures >= failures_max)) return;
      sleep_for(std::chrono::microseconds(50));
    }
  };
  for (std::uint32_t stream = 0; stream < last_uses_.size(); ++stream)
    if (last_uses_[stream] > 0) wait_out({.stream = stream, .sequence = last_uses_[stream]});
  for (unproven_use const& one : unproven_)
    if (auto const recorded = device_->record(one.stream); recorded.ok()) wait_out(*recorded);
  if (vram_base_ != nullptr)  // also a copy whose call failed, and which may run after all
    if (auto const recorded = device_->record(device_->copy_stream()); recorded.ok()) wait_out(*recorded);
}

}  // namespace tierpager
