// Plays one schedule: a world's callers, the pager's threads and the device's streams, one step at a time in an order
// that a seed draws, with a failing call if asked for. One at a time, on one thread; the same arguments, the same run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <tests/cuda/schedules/world.hpp>
#include <tests/cuda_standin/fault_plan.hpp>
#include <tests/fibers/scheduler.hpp>

namespace tierpager::schedules {

struct played {
  std::vector<std::string> wrong;  // empty: all as it should be
  fibers::outcome how;
  std::uint64_t acts = 0, acquires = 0, kernels = 0, host_reads = 0, failures = 0;
  std::uint64_t calls = 0, failed_calls = 0;
  std::uint64_t ahead_bytes = 0;
  bool opened = false;

  [[nodiscard]] std::string describe() const;
};

struct play_options {
  std::optional<cuda_standin::call_fault> fault = std::nullopt;
  bool verbose = false;
};
played play(world const& in, play_options const& how = {});

}  // namespace tierpager::schedules
