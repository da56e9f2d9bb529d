#include <cuda/word_pool.hpp>

namespace tierpager {

word_pool::~word_pool() {
  if (base_ != nullptr) (void)cudaFreeHost(base_);
}

status word_pool::allocate() {
  void* allocated = nullptr;
  cudaError_t const code = cudaHostAlloc(&allocated, bytes, cudaHostAllocPortable);
  if (code != cudaSuccess) return state_.fail(code, "cudaHostAlloc");
  base_ = static_cast<std::uint64_t*>(allocated);
  for (std::size_t i = 0; i < bytes / sizeof *base_; ++i) idle_.push_back(base_ + i);
  return {};
}

result<std::uint64_t*> word_pool::take() {
  std::scoped_lock const lock(mutex_);
  if (idle_.empty()) return state_.refuse(errc::out_of_memory, "too many results are being read back at once");
  std::uint64_t* const word = idle_.back();
  idle_.pop_back();
  return word;
}

void word_pool::give_back(std::uint64_t* word) noexcept {
  std::scoped_lock const lock(mutex_);
  idle_.push_back(word);
}

}  // namespace tierpager
