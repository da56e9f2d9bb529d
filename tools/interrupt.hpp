// SIGINT, SIGTERM and SIGHUP: the process cleans up and then dies of the signal, whatever its other threads wait for. Made on
// the main thread before any other thread starts (threads inherit what it blocks). A second signal ends the process at once.
// Signals that were ignored stay ignored.
#pragma once

#include <csignal>
#include <functional>
#include <thread>

namespace tierpager::tools {

class interrupt {
 public:
  /// `clean_up` runs on a thread of its own when a signal has come; where it returns false, the signal is passed over.
  /// Throws tierpager::error where the system refuses to hand signals over.
  explicit interrupt(std::function<bool()> clean_up);
  interrupt(interrupt const&) = delete;
  interrupt& operator=(interrupt const&) = delete;
  ~interrupt();

 private:
  void listen();

  std::function<bool()> clean_up_;
  sigset_t signals_{};
  sigset_t before_{};
  int signal_descriptor_ = -1;
  int end_descriptor_ = -1;
  std::thread listener_;
};

}  // namespace tierpager::tools
