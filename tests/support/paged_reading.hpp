// What tests of whole pagers share: a device that shows missing fences, readers that work in stream order, gates that
// hold a stream back, a watchdog. For tests; any thread. Checks bytes of pattern models only.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include <host/host_device.hpp>
#include <tests/support/pattern_model.hpp>
#include <tierpager/host_stream.hpp>
#include <tierpager/pager.hpp>

namespace tierpager::test {

inline constexpr std::uint64_t page = 4096;

#if defined(__SANITIZE_THREAD__)
inline constexpr bool under_thread_sanitizer = true;
#elif defined(__has_feature)
inline constexpr bool under_thread_sanitizer = __has_feature(thread_sanitizer);
#else
inline constexpr bool under_thread_sanitizer = false;
#endif

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool under_address_sanitizer = true;
#elif defined(__has_feature)
inline constexpr bool under_address_sanitizer = __has_feature(address_sanitizer);
#else
inline constexpr bool under_address_sanitizer = false;
#endif

/// Streams that pause at seeded points and memory that starts out wrong: a missing fence shows as wrong bytes.
inline std::shared_ptr<host_device> jittery_device(std::uint64_t seed = 7) {
  return std::make_shared<host_device>(host_device_options{.jitter_seed = seed, .poison = true});
}

/// Reads tensors as kernels would, in the order of a stream, and counts those with a wrong byte. To be declared before
/// the streams it is used with.
class stream_reader {
 public:
  explicit stream_reader(catalog tensors) : tensors_(std::move(tensors)) {}

  /// Queues the read; does not wait for it.
  void read(handle const& held, host_stream& stream) {
    stream.submit([this, id = held.id(), bytes = std::span(held.data(), held.size_bytes())] { check(id, bytes); });
  }
  /// The same for a host pointer, at once.
  void read_now(handle const& held) { check(held.id(), {held.data(), held.size_bytes()}); }

  [[nodiscard]] std::uint64_t checked() const { return checked_; }
  [[nodiscard]] std::uint64_t wrong() const { return wrong_; }

 private:
  void check(tensor_id id, std::span<std::byte const> bytes) {
    if (bytes.size() != tensors_[id].bytes || first_wrong_byte(tensors_[id], bytes) != bytes.size()) ++wrong_;
    ++checked_;
  }

  catalog const tensors_;
  std::atomic<std::uint64_t> checked_ = 0;
  std::atomic<std::uint64_t> wrong_ = 0;
};

/// Holds back whatever is queued on a stream after `block`, until opened. To be declared before the streams it blocks.
class stream_gate {
 public:
  stream_gate() = default;
  stream_gate(stream_gate const&) = delete;
  stream_gate& operator=(stream_gate const&) = delete;

  void block(host_stream& stream) {
    stream.submit([opened = opened_] { opened.wait(); });
  }
  void open() { open_.set_value(); }

 private:
  std::promise<void> open_;
  std::shared_future<void> const opened_ = open_.get_future().share();
};

/// Ends the program where a test hangs: a hang is then a failure that says what hung. The limit is far from what any test
/// takes, since a busy machine is no hang.
class watchdog {
 public:
  explicit watchdog(std::string what)
      : watcher_([this, what = std::move(what)](std::stop_token over) {
          std::unique_lock lock(mutex_);
          if (wake_.wait_for(lock, over, std::chrono::minutes(20), [&] { return over.stop_requested(); })) return;
          std::fprintf(stderr, "hangs: %s\n", what.c_str());
          std::abort();
        }) {}

 private:
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread watcher_;
};

/// Waits for what other threads bring about; a watchdog bounds the wait.
template <class Predicate>
void eventually(Predicate&& holds) {
  while (!holds()) std::this_thread::sleep_for(std::chrono::microseconds(50));
}

/// What `call` throws, or none.
template <class Call>
std::optional<failure> failure_of(Call&& call) {
  try {
    (void)call();
  } catch (error const& thrown) {
    return thrown.details();
  }
  return std::nullopt;
}

template <class Call>
std::optional<errc> code_of(Call&& call) {
  auto const why = failure_of(std::forward<Call>(call));
  return why ? std::optional(why->code) : std::nullopt;
}

inline wait_options no_wait(owner_id owner = owner_id::this_thread) {
  return {.deadline = std::chrono::steady_clock::now(), .owner = owner};
}

}  // namespace tierpager::test
