// How long one cycle of a plan takes: reads, copies and compute as three queues that wait for one another. Pure, any
// thread. Rates and sizes only; latencies are left out.
#pragma once

#include <cstdint>
#include <vector>

#include <core/plan/plan.hpp>
#include <core/plan/plan_cycle.hpp>

namespace tierpager {

struct pipeline {
  cycle_uses const& cycle;
  std::vector<std::uint64_t> const& bytes;
  std::vector<std::uint8_t> const& streamed;   // per tensor
  std::vector<std::uint8_t> const& from_file;  // per tensor; may be empty
  std::vector<std::uint64_t> const& places;    // per tensor: a copy waits for what lies where it goes
  std::uint64_t ram_buffer_bytes = 0;
  transfer_rates rates;
};

/// Compute per call, in seconds: the cycle's, in proportion to the bytes of its entries.
std::vector<double> compute_of_calls(acquire_order const& order, std::vector<std::uint64_t> const& bytes,
                                     double compute_seconds);

/// Of one cycle in steady state. A link of unknown rate costs nothing, nor does such a disk.
double cycle_seconds(pipeline const& run, std::vector<double> const& compute);

}  // namespace tierpager
