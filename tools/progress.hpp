// A progress bar on standard error, drawn only where that is a terminal, and wiped when it is done. One thread. Draws
// at most ten times a second, and never fails.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace tierpager::tools {

class progress {
 public:
  explicit progress(std::uint64_t total_bytes);
  progress(progress const&) = delete;
  progress& operator=(progress const&) = delete;
  ~progress();

  /// What is being done, from now on: "pass 2 of 5".
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

}  // namespace tierpager::tools
