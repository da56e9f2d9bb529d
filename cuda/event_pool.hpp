// Untimed events, created when none is idle and kept for the next use. Any thread; no lock is held across a CUDA call.
// An event may be given back before what it was recorded behind has run: recording it anew is allowed. Not told apart
// by device: all are of the one that was current when they were created.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include <cuda/cuda_check.hpp>

namespace tierpager {

class event_pool {
 public:
  explicit event_pool(device_state& state) : state_(state) {}
  event_pool(event_pool const&) = delete;
  event_pool& operator=(event_pool const&) = delete;
  ~event_pool();

  /// Makes so many idle ones.
  status fill(std::uint64_t count);
  result<cudaEvent_t> take();
  void give_back(cudaEvent_t event) noexcept;

 private:
  result<cudaEvent_t> make();

  device_state& state_;
  std::mutex mutex_;
  std::vector<cudaEvent_t> all_;
  std::vector<cudaEvent_t> idle_;  // never needs to grow when an event comes back
};

/// An event recorded on some stream; goes back to the pool with its last owner.
class recorded_event {
 public:
  recorded_event(event_pool& pool, cudaEvent_t event) : pool_(pool), event_(event) {}
  recorded_event(recorded_event const&) = delete;
  recorded_event& operator=(recorded_event const&) = delete;
  ~recorded_event() { pool_.give_back(event_); }

  [[nodiscard]] cudaEvent_t get() const { return event_; }

 private:
  event_pool& pool_;
  cudaEvent_t const event_;
};

}  // namespace tierpager
