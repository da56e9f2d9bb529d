// Which CUDA call fails, and for how long: what the stand-in and the failing shim share. One plan at a time; calls count
// from the moment it is set. Not locked: its owner sees to that.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <cuda_runtime_api.h>

#include <tests/cuda_standin/calls.hpp>

namespace tierpager::cuda_standin {

/// How long the failure lasts: that call alone; that and every later one that the plan counts, until lifted; or the
/// context dies with that call, and every later call of any kind fails.
enum class lasting : std::uint8_t { once, for_ever, sticky };

struct call_fault {
  std::uint64_t at_call = 1;
  lasting how_long = lasting::once;
  cudaError_t code = cudaErrorUnknown;
  std::optional<call> only = std::nullopt;  // none: every fallible call counts
};

/// "CALL:N:once|for_ever|sticky[:CODE]", where CALL is CUDA's name or `any`; none where it is not that.
std::optional<call_fault> parse_fault(std::string_view text);
/// The one in TIERPAGER_STANDIN_FAIL, if it is set; ends the program where it is not one.
std::optional<call_fault> fault_from_environment();

class fault_counter {
 public:
  void set(std::optional<call_fault> plan) {
    plan_ = plan;
    counted_ = 0;
  }
  void reset_counts();

  struct decision {
    cudaError_t code = cudaSuccess;
    bool kills = false;  // the context dies
  };
  /// Counts the call, and says whether it fails.
  decision next(call kind);
  void count_failed() { ++failed_; }

  [[nodiscard]] std::uint64_t calls(call kind) const { return calls_by_kind_.at(static_cast<std::size_t>(kind)); }
  [[nodiscard]] std::uint64_t fallible_calls() const { return fallible_calls_; }
  [[nodiscard]] std::uint64_t failed_calls() const { return failed_; }

 private:
  std::optional<call_fault> plan_;
  std::uint64_t counted_ = 0;
  std::uint64_t fallible_calls_ = 0;
  std::uint64_t failed_ = 0;
  std::array<std::uint64_t, call_kinds> calls_by_kind_{};
};

}  // namespace tierpager::cuda_standin
