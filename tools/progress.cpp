#include <tools/progress.hpp>

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>
#include <unistd.h>

#include <tools/text.hpp>

namespace tierpager::tools {

namespace {

constexpr std::size_t bar_width = 30;
constexpr std::chrono::milliseconds between_drawings{100};

}  // namespace

progress::progress(std::uint64_t total_bytes)
    : shown_(::isatty(STDERR_FILENO) == 1), total_bytes_(total_bytes), drawn_(std::chrono::steady_clock::now()) {}

progress::~progress() {
  if (shown_) std::fputs("\r\x1b[K", stderr);
}

void progress::add(std::uint64_t bytes) {
  done_bytes_ += bytes;
  if (!shown_) return;
  auto const now = std::chrono::steady_clock::now();
  if (now - drawn_ < between_drawings) return;
  drawn_ = now;
  draw();
}

void progress::draw() const {
  double const share =
      total_bytes_ == 0 ? 1 : std::min(1.0, static_cast<double>(done_bytes_) / static_cast<double>(total_bytes_));
  auto const filled = static_cast<std::size_t>(share * bar_width);
  std::string const line = fmt::format("\r\x1b[K[{}{}] {:3.0f} %  {} of {}  {}", std::string(filled, '='),
                                       std::string(bar_width - filled, ' '), share * 100, readable_bytes(done_bytes_),
                                       readable_bytes(total_bytes_), label_);
  std::fputs(line.c_str(), stderr);
}

}  // namespace tierpager::tools
