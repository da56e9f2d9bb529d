// A checked longjmp takes a jump to another stack for a mistake.
#undef _FORTIFY_SOURCE
#include <tests/fibers/context.hpp>

#include <cassert>
#include <cstdlib>
#include <utility>
#include <vector>

#include <cxxabi.h>
#include <sys/mman.h>
#include <ucontext.h>

#if defined(__SANITIZE_ADDRESS__)
#define TIERPAGER_FIBERS_UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TIERPAGER_FIBERS_UNDER_ASAN 1
#endif
#endif
#ifdef TIERPAGER_FIBERS_UNDER_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

namespace tierpager::fibers {
namespace {

constexpr std::size_t guard_bytes = 4096;
constexpr std::size_t stack_bytes = std::size_t{256} << 10U;

// A schedule makes about ten, and there are tens of thousands of schedules.
std::vector<std::byte*>& free_stacks() {
  static auto* const stacks = new std::vector<std::byte*>;
  return *stacks;
}

std::byte* take_stack() {
  auto& stacks = free_stacks();
  if (!stacks.empty()) {
    std::byte* const stack = stacks.back();
    stacks.pop_back();
    return stack;
  }
  void* const mapped = ::mmap(nullptr, guard_bytes + stack_bytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED || ::mprotect(mapped, guard_bytes, PROT_NONE) != 0) std::abort();
  return static_cast<std::byte*>(mapped) + guard_bytes;
}

context* starting = nullptr;  // makecontext passes integers only

}  // namespace

context::context(std::function<void()> body) : body_(std::move(body)), stack_(take_stack()) {
  inside_stack_.bottom = stack_;
  inside_stack_.bytes = stack_bytes;
}

context::~context() {
  if (over_ || !started_) free_stacks().push_back(stack_);
}

void context::exchange_exceptions(exception_state& saved, exception_state const& next) {
  auto* const now = reinterpret_cast<exception_state*>(abi::__cxa_get_globals());  // as the C++ ABI lays it out
  saved = *now;
  *now = next;
}

// A stack that is never entered again has no `from`.
void context::before_switch([[maybe_unused]] sanitizer_state* from, [[maybe_unused]] sanitizer_state const& to) {
#ifdef TIERPAGER_FIBERS_UNDER_ASAN
  __sanitizer_start_switch_fiber(from == nullptr ? nullptr : &from->fake_stack, to.bottom, to.bytes);
#endif
}

void context::after_switch([[maybe_unused]] sanitizer_state const& now, [[maybe_unused]] sanitizer_state* from) {
#ifdef TIERPAGER_FIBERS_UNDER_ASAN
  __sanitizer_finish_switch_fiber(now.fake_stack, from == nullptr ? nullptr : &from->bottom,
                                  from == nullptr ? nullptr : &from->bytes);
#endif
}

void context::prepare() {
  started_ = true;
  starting = this;
  if (::getcontext(&inside_context_) != 0) std::abort();
  inside_context_.uc_stack.ss_sp = stack_;
  inside_context_.uc_stack.ss_size = stack_bytes;
  inside_context_.uc_link = nullptr;
  ::makecontext(&inside_context_, &context::start, 0);
}

#ifdef TIERPAGER_FIBERS_UNDER_ASAN
// Its longjmp takes the stack in use for the one to unwind.
void context::switch_inside() { (void)::swapcontext(&outside_context_, &inside_context_); }
void context::switch_outside() { (void)::swapcontext(&inside_context_, &outside_context_); }
#else
// Ten times as fast: a context's signal mask costs two system calls.
void context::switch_inside() {
  if (_setjmp(outside_) != 0) return;
  if (!fresh_) _longjmp(inside_, 1);
  fresh_ = false;
  (void)::setcontext(&inside_context_);
}
void context::switch_outside() {
  if (_setjmp(inside_) == 0) _longjmp(outside_, 1);
}
#endif

void context::enter() {
  assert(!over_);
  if (!started_) prepare();
  exchange_exceptions(outside_exceptions_, inside_exceptions_);
  before_switch(&outside_stack_, inside_stack_);
  switch_inside();
  after_switch(outside_stack_, nullptr);
  exchange_exceptions(inside_exceptions_, outside_exceptions_);
}

void context::start() {
  context& me = *starting;
  after_switch({}, &me.outside_stack_);
  me.body_();
  me.body_ = nullptr;
  me.over_ = true;
  before_switch(nullptr, me.outside_stack_);
  me.switch_outside();
  std::abort();
}

void context::leave() {
  before_switch(&inside_stack_, outside_stack_);
  switch_outside();
  after_switch(inside_stack_, &outside_stack_);
}

}  // namespace tierpager::fibers
