#include <tools/progress.hpp>

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <host/environment.hpp>
#include <tools/text.hpp>

namespace tierpager::tools {

namespace {

constexpr std::chrono::milliseconds between_drawings{100};
constexpr char const* wipe_line = "\r\x1b[K";

// Asked anew for each drawing: a window may change its size.
std::size_t terminal_columns() {
  constexpr std::size_t usual = 80;
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : usual;
}

}  // namespace

bool standard_error_can_be_redrawn() {
  auto const terminal = environment_text("TERM");
  return ::isatty(STDERR_FILENO) == 1 && terminal && *terminal != "dumb";
}

void wipe_progress() {
  if (standard_error_can_be_redrawn()) std::fputs(wipe_line, stderr);
}

std::string progress_line(std::uint64_t done_bytes, std::uint64_t total_bytes, std::string const& label,
                          std::size_t columns) {
  constexpr std::size_t bar_columns_max = 30;
  double const share =
      total_bytes == 0 ? 1 : std::min(1.0, static_cast<double>(done_bytes) / static_cast<double>(total_bytes));
  std::size_t const bar_columns = std::min(bar_columns_max, columns / 4);
  auto const filled = static_cast<std::size_t>(share * static_cast<double>(bar_columns));
  return fitted(
      fmt::format("[{}{}] {:3.0f} %  {} of {}  {}", std::string(filled, '='), std::string(bar_columns - filled, ' '),
                  share * 100, readable_bytes(done_bytes), readable_bytes(total_bytes), printable(label)),
      columns);
}

progress::progress(std::uint64_t total_bytes)
    : shown_(standard_error_can_be_redrawn()), total_bytes_(total_bytes), drawn_(std::chrono::steady_clock::now()) {}

progress::~progress() {
  if (shown_) wipe_progress();
}

void progress::add(std::uint64_t bytes) {
  done_bytes_ += bytes;
  if (!shown_) return;
  auto const now = std::chrono::steady_clock::now();
  if (now - drawn_ < between_drawings) return;
  drawn_ = now;
  draw();
}

// The last column stays free: some terminals go to the next line once it is written.
void progress::draw() const {
  std::string const line = wipe_line + progress_line(done_bytes_, total_bytes_, label_, terminal_columns() - 1);
  std::fputs(line.c_str(), stderr);
}

}  // namespace tierpager::tools
