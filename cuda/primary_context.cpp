#include <cuda/primary_context.hpp>

namespace tierpager {

result<std::shared_ptr<primary_context>> primary_context::retain(int ordinal) {
  std::shared_ptr<primary_context> made(new primary_context(ordinal));
  bool const clean = cudaPeekAtLastError() == cudaSuccess;
  status const retained = made->retain();
  if (clean) (void)cudaGetLastError();
  if (!retained.ok()) return retained.error();
  return made;
}

status primary_context::retain() {
  auto const calls = find_context_calls(state_);
  if (!calls.ok()) return calls.error();
  calls_ = *calls;
  if (status found = state_.check(calls_.device_get(&device_, state_.ordinal()), "cuDeviceGet"); !found.ok())
    return found;
  return state_.check(calls_.retain(&context_, device_), "cuDevicePrimaryCtxRetain");
}

primary_context::~primary_context() {
  if (context_ != nullptr) (void)calls_.release(device_);
}

result<CUcontext> primary_context::current() {
  CUcontext now = nullptr;
  CUresult const code = calls_.get_current(&now);
  if (code != CUDA_SUCCESS) return state_.fail_outside(static_cast<cudaError_t>(code), "cuCtxGetCurrent");
  return now;
}

status primary_context::push() {
  CUresult const code = calls_.push(context_);
  if (code == CUDA_SUCCESS) return {};
  return state_.fail_outside(static_cast<cudaError_t>(code), "cuCtxPushCurrent");
}

// Tried twice: nobody else would.
void primary_context::pop() noexcept {
  if (calls_.pop(nullptr) != CUDA_SUCCESS) (void)calls_.pop(nullptr);
}

result<bool> primary_context::owns(cudaStream_t stream) {
  CUcontext of_stream = nullptr;
  if (status asked = state_.check(calls_.of_stream(stream, &of_stream), "cuStreamGetCtx"); !asked.ok())
    return asked.error();
  return of_stream == context_;
}

}  // namespace tierpager
