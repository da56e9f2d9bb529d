#include <tierpager/host_stream.hpp>

#include <algorithm>
#include <cassert>
#include <chrono>

#include <host/host_stream_queue.hpp>
#include <tierpager/checksum.hpp>

namespace tierpager {

void jitter(std::uint64_t seed, std::uint64_t point) {
  if (seed == 0) return;
  std::uint64_t const draw = checksum_term(seed, point);
  switch (draw % 8) {
    case 0: std::this_thread::sleep_for(std::chrono::microseconds(50 + (draw >> 8U) % 400)); break;
    case 1:
    case 2:
      for (std::uint64_t i = 0; i < (draw >> 8U) % 16; ++i) std::this_thread::yield();
      break;
    default: break;
  }
}

std::uint64_t host_stream_queue::push(std::unique_ptr<host_stream::task> work) {
  scoped_lock const lock(mutex_);
  work_.push_back(std::move(work));
  queued_.notify_one();
  return identity_->pushed.fetch_add(1, std::memory_order_release) + 1;
}

void host_stream_queue::wait_until_run(std::uint64_t sequence) const {
  scoped_lock lock(mutex_);
  while (!has_run(sequence)) {
    awaited_ = std::min(awaited_, sequence);
    progressed_.wait(lock);
  }
}

void host_stream_queue::set_jitter(std::uint64_t seed) {
  scoped_lock const lock(mutex_);
  jitter_seed_ = seed;
}

void host_stream_queue::start() {
  thread_ = std::thread([this] { run(); });
}

void host_stream_queue::finish() {
  assert(thread_.get_id() != std::this_thread::get_id());
  {
    scoped_lock const lock(mutex_);
    ending_ = true;
    queued_.notify_one();
  }
  thread_.join();
}

void host_stream_queue::run() noexcept {
  this_stream_thread = this;
  scoped_lock lock(mutex_);
  while (true) {
    while (work_.empty() && !ending_) queued_.wait(lock);
    if (work_.empty()) return;
    std::unique_ptr<host_stream::task> next = std::move(work_.front());
    work_.pop_front();
    std::uint64_t const seed = jitter_seed_;
    std::uint64_t const point = run_;
    lock.unlock();
    jitter(seed, point);
    next->run();
    next.reset();  // what it held is let go before anyone sees it as done
    lock.lock();
    if (run_.fetch_add(1, std::memory_order_release) + 1 < awaited_) continue;
    awaited_ = nobody_waits;  // a wait for more says so again
    progressed_.notify_all();
  }
}

host_stream::host_stream()
    : identity_(std::make_shared<host_stream_identity>()), queue_(std::make_shared<host_stream_queue>(identity_)) {
  identity_->stream.store(this, std::memory_order_release);
  queue_->start();
}

host_stream::~host_stream() {
  queue_->finish();
  identity_->known_as.store(0, std::memory_order_relaxed);
  identity_->stream.store(nullptr, std::memory_order_release);
}

void host_stream::push(std::unique_ptr<task> work) { (void)queue_->push(std::move(work)); }

void host_stream::synchronize() { queue_->wait_until_run(queue_->pushed()); }

}  // namespace tierpager
