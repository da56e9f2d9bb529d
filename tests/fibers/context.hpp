// One fiber's stack and registers: entered from the thread's own stack, left for it, over and over, with exceptions in
// flight on either side. One OS thread only. Does not know who runs when; AddressSanitizer is told of every switch.
#pragma once

#include <csetjmp>
#include <cstddef>
#include <functional>

#include <ucontext.h>

namespace tierpager::fibers {

class context {
 public:
  /// `body` runs on a stack of its own, from the first enter() on, and must not throw.
  explicit context(std::function<void()> body);
  context(context const&) = delete;
  context& operator=(context const&) = delete;
  /// Of a body that has not returned, the stack is left alone for ever: what lies on it may still be pointed at.
  ~context();

  /// From outside: runs the body until it leaves or returns.
  void enter();
  /// From inside the body: back to the caller of enter.
  void leave();
  [[nodiscard]] bool over() const { return over_; }

 private:
  /// What the C++ runtime knows of exceptions thrown and caught, which it keeps a thread and not a stack.
  struct exception_state {
    void* caught = nullptr;
    unsigned uncaught = 0;
  };
  struct sanitizer_state {
    void* fake_stack = nullptr;
    void const* bottom = nullptr;
    std::size_t bytes = 0;
  };

  void prepare();
  void switch_inside();
  void switch_outside();
  [[noreturn]] static void start();
  static void exchange_exceptions(exception_state& saved, exception_state const& next);
  static void before_switch(sanitizer_state* from, sanitizer_state const& to);
  static void after_switch(sanitizer_state const& now, sanitizer_state* from);

  std::function<void()> body_;
  std::byte* stack_ = nullptr;  // its lowest usable byte; below lies a guard page
  [[maybe_unused]] std::jmp_buf inside_{}, outside_{};
  ucontext_t inside_context_{}, outside_context_{};  // to start with; under AddressSanitizer throughout
  exception_state inside_exceptions_, outside_exceptions_;
  sanitizer_state inside_stack_, outside_stack_;
  bool started_ = false;
  [[maybe_unused]] bool fresh_ = true;  // prepared at most
  bool over_ = false;
};

}  // namespace tierpager::fibers
