// The primary context of a device, which its process shares with the runtime: created where nobody has, kept as long as
// this lives, and made current on a thread by pushing it, which leaves every other context alone. cudaSetDevice to put a
// caller's device back would create one there (since CUDA 12). Any thread. Knows whether the context is dead.
#pragma once

#include <memory>

#include <cuda/driver_entry.hpp>

namespace tierpager {

class primary_context {
 public:
  /// There must be a device of that ordinal. Neither the calling thread's current context nor its last error change.
  static result<std::shared_ptr<primary_context>> retain(int ordinal);
  primary_context(primary_context const&) = delete;
  primary_context& operator=(primary_context const&) = delete;
  ~primary_context();  // outside of its own call_guards

  [[nodiscard]] device_state& state() { return state_; }
  [[nodiscard]] CUcontext get() const { return context_; }
  /// The calling thread's current context; null where it has none.
  result<CUcontext> current();
  status push();
  void pop() noexcept;
  /// Whether the stream was made in this context. Not to be asked while the stream is being captured.
  result<bool> owns(cudaStream_t stream);

 private:
  explicit primary_context(int ordinal) : state_(ordinal) {}
  status retain();

  device_state state_;
  context_calls calls_;
  CUdevice device_ = 0;
  CUcontext context_ = nullptr;
};

}  // namespace tierpager
