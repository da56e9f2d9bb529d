// A progress bar on standard error, drawn only where that is a terminal that can wipe a line, and wiped when it is done.
// Never wider than the terminal. One thread. Draws at most ten times a second, and never fails.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace tierpager::tools {

/// Whether standard error is a terminal on which a line can be drawn again: TERM says which, and it is not dumb.
bool standard_error_can_be_redrawn();
/// What a bar may have left on that terminal, where a signal ends the process.
void wipe_progress();

class progress {
 public:
  explicit progress(std::uint64_t total_bytes);
  progress(progress const&) = delete;
  progress& operator=(progress const&) = delete;
  ~progress();

  /// What is being done, from now on: "pass 2 of 5". Made printable here.
  void label(std::string text) { label_ = std::move(text); }
  void add(std::uint64_t bytes);

 private:
  void draw() const;

  bool shown_;
  std::string label_;
  std::uint64_t total_bytes_;
  std::uint64_t done_bytes_ = 0;
  std::chrono::steady_clock::time_point drawn_;
};

/// The bar and what stands beside it, in at most so many columns.
std::string progress_line(std::uint64_t done_bytes, std::uint64_t total_bytes, std::string const& label,
                          std::size_t columns);

}  // namespace tierpager::tools
