// Turns SIGINT, SIGTERM and SIGHUP into a stop token, so that work ends between two steps and cleans up after itself.
// Made on the main thread before any other thread starts (threads inherit what it blocks). A second signal ends the
// process at once. Signals that were ignored stay ignored.
#pragma once

#include <csignal>
#include <stop_token>
#include <thread>

namespace tierpager::tools {

class interrupt {
 public:
  interrupt();
  interrupt(interrupt const&) = delete;
  interrupt& operator=(interrupt const&) = delete;
  ~interrupt();

  [[nodiscard]] std::stop_token token() const { return stop_.get_token(); }

 private:
  void listen();

  std::stop_source stop_;
  sigset_t signals_{};
  sigset_t before_{};
  int signal_descriptor_ = -1;
  int end_descriptor_ = -1;
  std::thread listener_;
};

}  // namespace tierpager::tools
