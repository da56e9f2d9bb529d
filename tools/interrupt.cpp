#include <tools/interrupt.hpp>

#include <array>
#include <cerrno>
#include <cstdint>
#include <utility>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <tierpager/error.hpp>

namespace tierpager::tools {

namespace {

[[noreturn]] void die_of(int number) {
  std::signal(number, SIG_DFL);
  ::raise(number);
  constexpr int exit_code_of_signals = 128;
  ::_exit(exit_code_of_signals + number);  // the first process of a container does not die of its own signals
}

}  // namespace

interrupt::interrupt(std::function<bool()> clean_up) : clean_up_(std::move(clean_up)) {
  sigemptyset(&signals_);
  for (int const number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction now {};
    if (::sigaction(number, nullptr, &now) == 0 && now.sa_handler == SIG_IGN) continue;
    sigaddset(&signals_, number);
  }
  signal_descriptor_ = ::signalfd(-1, &signals_, SFD_CLOEXEC);
  end_descriptor_ = ::eventfd(0, EFD_CLOEXEC);
  if (signal_descriptor_ < 0 || end_descriptor_ < 0) {
    throw error(failure{.code = errc::out_of_memory, .what = "cannot listen for signals", .system_error = errno});
  }
  pthread_sigmask(SIG_BLOCK, &signals_, &before_);
  listener_ = std::thread([this] { listen(); });
}

interrupt::~interrupt() {
  std::uint64_t const number = 1;
  [[maybe_unused]] ssize_t const written = ::write(end_descriptor_, &number, sizeof number);
  listener_.join();
  ::close(signal_descriptor_);
  ::close(end_descriptor_);
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void interrupt::listen() {
  std::array<pollfd, 2> waited{pollfd{end_descriptor_, POLLIN, 0}, pollfd{signal_descriptor_, POLLIN, 0}};
  while (::poll(waited.data(), waited.size(), -1) < 0 && errno == EINTR) {
  }
  if ((waited[0].revents & POLLIN) != 0) return;
  signalfd_siginfo taken{};
  if (::read(signal_descriptor_, &taken, sizeof taken) != sizeof taken) return;
  pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr);  // the next signal has its default effect, through this thread
  if (clean_up_()) die_of(static_cast<int>(taken.ssi_signo));
  while (::poll(waited.data(), 1, -1) < 0 && errno == EINTR) {
  }
}

}  // namespace tierpager::tools
