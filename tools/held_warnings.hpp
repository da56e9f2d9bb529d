// Warnings of a command, held back until it has done what it was asked to: where it fails, the error is one line alone.
// Any thread may add to them. Outlives whatever it was given to.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include <tierpager/warnings.hpp>

namespace tierpager::tools {

class held_warnings {
 public:
  held_warnings() = default;
  held_warnings(held_warnings const&) = delete;
  held_warnings& operator=(held_warnings const&) = delete;

  void add(std::string const& what);
  /// For whatever warns.
  [[nodiscard]] warning_callback callback() {
    return [this](std::string const& what) { add(what); };
  }
  /// To standard error, a line each, in order; then there are none.
  void write();

 private:
  std::mutex mutex_;
  std::vector<std::string> held_;
};

}  // namespace tierpager::tools
