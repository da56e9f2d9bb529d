// Page-locked words that results are copied back to, one a call under way. Any thread, inside a call_guard. A word that
// a copy may still be written to is never handed out again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include <cuda/cuda_check.hpp>

namespace tierpager {

class word_pool {
 public:
  static constexpr std::uint64_t bytes = 4096;

  explicit word_pool(device_state& state) : state_(state) {}
  word_pool(word_pool const&) = delete;
  word_pool& operator=(word_pool const&) = delete;
  ~word_pool();  // every copy has run, or the context is dead

  /// Once, before any other call.
  status allocate();
  result<std::uint64_t*> take();
  void give_back(std::uint64_t* word) noexcept;

 private:
  device_state& state_;
  std::uint64_t* base_ = nullptr;

  std::mutex mutex_;
  std::vector<std::uint64_t*> idle_;  // never needs to grow when a word comes back
};

}  // namespace tierpager
