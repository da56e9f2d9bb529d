// What a seed stands for: a model, budgets that are too small for it, a device, and how many callers do how much.
// Plain values; the same seed gives the same world on every machine.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <tests/cuda_standin/standin.hpp>
#include <tierpager/cuda_device.hpp>

namespace tierpager::schedules {

struct world {
  std::uint64_t seed = 0;
  cuda_standin::world_options runtime;
  cuda_device_options device;
  std::vector<std::uint64_t> sizes_bytes;
  std::uint64_t vram_bytes = 0;
  std::uint64_t ram_bytes = 0;
  std::uint64_t chunk_bytes = 0;
  std::uint64_t scratch_bytes = 0;
  unsigned readers = 1;
  unsigned callers = 1;
  unsigned acts = 0;  // of each caller
  unsigned streams_each = 1;
  bool shared_streams = false;
  bool closes_early = false;
  bool budgets_change = false;
  bool reads_fail = false;
  bool captures = false;
  bool scarce = false;           // the system has less memory than the budgets say
  bool streams_outlive = false;  // the device, instead of being retired
  bool contexts = false;         // two GPUs, and callers that are elsewhere when they call
  bool orders = false;           // callers go through cycles together, declared or not, and prefetch

  [[nodiscard]] std::string describe() const;
};

world draw_world(std::uint64_t seed);

}  // namespace tierpager::schedules
