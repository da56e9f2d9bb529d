#include <cuda/call_guard.hpp>

#include <chrono>
#include <thread>

namespace tierpager {
namespace {

constexpr std::chrono::microseconds poll_interval{20};

}  // namespace

// A dead context is made current too: what is taken down must not go on in the caller's.
call_guard::call_guard(primary_context& context) : context_(context), found_(cudaPeekAtLastError()) {
  auto const now = context.current();
  if (!now.ok()) {
    entered_ = now.error();
  } else if (*now != context.get()) {
    from_another_ = *now != nullptr;
    entered_ = context.push();
    pushed_ = entered_.ok();
  }
  if (status const alive = context.state().alive(); !alive.ok()) entered_ = alive;
}

call_guard::~call_guard() {
  if (pushed_) context_.pop();
  if (found_ == cudaSuccess) (void)cudaGetLastError();
}

void pause_between_polls() noexcept {
  (void)cudaPeekAtLastError();
  std::this_thread::sleep_for(poll_interval);
}

}  // namespace tierpager
