// The plan for a known order: which tensors live in VRAM, which in RAM, which in the file, where each lies, and
// how large the two buffers are through which the others pass. A pure function of sizes, order, budgets and what lies
// where now; takes no lock, reads no clock, may be called from any thread on a snapshot. A cycle larger than the budget
// never hits under LRU; a fixed partition misses only what does not fit, plus the buffer. So what streams is chosen to
// keep the buffer small, and spread evenly through the cycle, so that the link never idles.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <core/order/acquire_order.hpp>
#include <tierpager/transfer_rates.hpp>
#include <tierpager/types.hpp>

namespace tierpager {

/// Where a tensor lives between its uses.
enum class home : std::uint8_t {
  none,  // the order does not name it, nor is it pinned in VRAM
  vram,
  ram,   // streamed through the VRAM buffer from RAM
  file,  // streamed through both buffers
};

/// All sizes are footprints: whole granules of the tier they are for.
struct plan_request {
  acquire_order order;
  std::vector<std::uint64_t> vram_bytes;     // per tensor of the catalog
  std::vector<std::uint64_t> ram_bytes;      // the same
  std::uint64_t vram_budget_bytes = 0;       // for tensors, buffers included; 0: no such tier
  std::uint64_t ram_budget_bytes = 0;        // the same
  std::uint64_t ram_buffer_floor_bytes = 0;  // the least staging through which any tensor reaches VRAM, in chunks
  byte_range vram_space;              // addresses that places may lie in: memory is there now, or could be mapped there
  std::vector<byte_range> vram_gaps;  // of these, where none is now, in whole granules, ascending
  std::vector<bool> pinned_vram, pinned_ram;  // per tensor
  std::vector<byte_range> vram_now;  // per tensor: where it lies now; no bytes: not resident. What keeps its home keeps
                                     // its place, unless the space is too fragmented for the rest. Leave out
                                     // what only passes through a buffer
  std::vector<bool> vram_held;       // per tensor: pinned there, or handles hold it, where it lies now
  byte_range ram_space;              // the same three of RAM; without addresses no places there are planned
  std::vector<byte_range> ram_gaps;
  std::vector<byte_range> ram_now;
  transfer_rates rates;
};

struct memory_plan {
  static constexpr std::uint64_t no_place = ~std::uint64_t{0};
  std::vector<home> homes;  // per tensor
  std::vector<std::uint64_t>
      places;  // per tensor: VRAM offset for as long as the plan holds; no_place where home::none
  std::vector<std::uint64_t> ram_places;  // per tensor: RAM offset of what stays there; else no_place
  byte_range vram_buffer;                 // every streamed tensor's place lies in it; no resident's does
  std::uint64_t ram_buffer_bytes = 0;     // of the RAM budget, in one piece, kept free of residents
  // What one cycle costs once it is in steady state, and what it cannot cost less than.
  std::uint64_t resident_vram_bytes = 0, resident_ram_bytes = 0, file_bytes = 0;  // by home
  std::uint64_t bytes_to_device = 0, bytes_from_disk = 0;                         // repeats inside a cycle counted
  std::uint64_t least_bytes_to_device = 0, least_bytes_from_disk = 0;             // D - V, max(0, D - V - R)
  std::uint64_t largest_held_bytes = 0;                                           // held at once, streamed or not
  std::uint32_t buffer_slots = 0;  // how many neighbouring streamed calls the VRAM buffer has room for: its depth
  double seconds = 0;              // of one cycle, where the rates are known
};

/// None where no partition helps: the budget holds no tensor beside what the order holds at once.
std::optional<memory_plan> make_plan(plan_request const& request);

}  // namespace tierpager
