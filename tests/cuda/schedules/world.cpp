#include <tests/cuda/schedules/world.hpp>

#include <algorithm>
#include <numeric>

#include <tests/core/residency/simulation/chooser.hpp>
#include <tierpager/types.hpp>

namespace tierpager::schedules {
namespace {

constexpr std::uint64_t page_bytes = 4096;

std::uint64_t draw_size(simulation::chooser& from) {
  if (from.happens(4)) return 0;
  std::uint64_t const pages = from.happens(20) ? 3 + from.choose(5) : 1 + from.choose(3);
  return pages * page_bytes - (from.happens(50) ? 0 : from.choose(page_bytes - 1));
}

}  // namespace

world draw_world(std::uint64_t seed) {
  simulation::seeded from(seed);
  world made;
  made.seed = seed;
  made.sizes_bytes.resize(3 + from.choose(6));
  for (std::uint64_t& each : made.sizes_bytes) each = draw_size(from);
  std::uint64_t const sum = std::accumulate(made.sizes_bytes.begin(), made.sizes_bytes.end(), std::uint64_t{0});
  std::uint64_t const largest = *std::max_element(made.sizes_bytes.begin(), made.sizes_bytes.end());
  made.chunk_bytes = page_bytes << from.choose(2);
  made.scratch_bytes = from.happens(20) ? 1 + from.choose(page_bytes) : 0;
  made.runtime.granule_bytes = page_bytes << from.choose(2);
  auto const rounded = [&](std::uint64_t bytes) { return round_up(bytes, made.runtime.granule_bytes); };
  made.vram_bytes = rounded(largest) + rounded(made.scratch_bytes) + sum * from.choose(70) / 100;
  made.ram_bytes = from.happens(40) ? 2 * made.chunk_bytes : largest + sum * from.choose(60) / 100;
  made.readers = 1 + from.choose(3);
  made.callers = 1 + from.choose(4);
  made.acts = 5 + from.choose(16);
  made.streams_each = 1 + from.choose(2);
  made.shared_streams = from.happens(20);
  made.closes_early = from.happens(8);
  made.budgets_change = from.happens(40);
  made.reads_fail = from.happens(10);
  made.captures = from.happens(30);
  made.streams_outlive = from.happens(30);
  made.runtime.seed = seed;
  made.runtime.vram_bytes = std::uint64_t{16} << 20U;
  made.runtime.can_register = !from.happens(15);
  made.runtime.vmm = !from.happens(15);
  made.device.vram_granule_bytes_min = made.runtime.granule_bytes;
  made.device.events = seed % 4;
  made.device.ram_segment_bytes_max = page_bytes << from.choose(4);
  made.device.staging_slots = 1 + from.choose(3);
  made.device.staging_bytes = page_bytes / 2 << from.choose(3);
  made.scarce = made.runtime.vmm && from.happens(10);
  if (made.scarce) {
    std::uint64_t const least = rounded(largest) + rounded(made.scratch_bytes);
    made.runtime.vram_bytes = std::max(least, made.vram_bytes * (50 + from.choose(50)) / 100);
    std::uint64_t const beside = made.device.staging_slots * made.device.staging_bytes + 2 * page_bytes;
    made.runtime.page_locked_bytes_max =
        beside + std::max(2 * made.chunk_bytes, made.ram_bytes * (50 + from.choose(50)) / 100);
  }
  made.orders = from.happens(35);
  if (made.orders) {  // few callers, so that their acquires make a cycle, and several passes of it
    made.callers = 1 + made.callers / 3;
    made.acts *= 2;
  }
  made.contexts = from.happens(25);
  if (made.contexts) {
    made.runtime.devices = 2;
    made.device.ordinal = static_cast<int>(from.choose(2));
  }
  made.runtime.calls_wait = from.happens(25);
  made.runtime.queues = from.happens(25) ? 1 + from.choose(4) : 0;
  return made;
}

std::string world::describe() const {
  std::string text = "tensors of";
  for (std::uint64_t const each : sizes_bytes) text += " " + std::to_string(each);
  return text + " bytes; vram " + std::to_string(vram_bytes) + ", ram " + std::to_string(ram_bytes) + ", scratch " +
         std::to_string(scratch_bytes) + ", chunk " + std::to_string(chunk_bytes) + ", granule " +
         std::to_string(runtime.granule_bytes) + "; " + std::to_string(callers) + " callers, " + std::to_string(acts) +
         " acts each, " + std::to_string(readers) + " readers" + (shared_streams ? ", shared streams" : "") +
         (closes_early ? ", closes early" : "") + (budgets_change ? ", budgets change" : "") +
         (reads_fail ? ", reads fail" : "") + (scarce ? ", the system has less" : "") + (captures ? ", captures" : "") +
         (contexts ? ", on GPU " + std::to_string(device.ordinal) + " of two" : "") + (orders ? ", orders" : "") +
         (streams_outlive ? ", streams outlive the device" : "") +
         (runtime.calls_wait ? ", calls that may wait do" : "") +
         (runtime.queues != 0 ? ", " + std::to_string(runtime.queues) + " queues" : "") +
         (runtime.vmm ? "" : ", no virtual memory management") + (runtime.can_register ? "" : ", no registration");
}

}  // namespace tierpager::schedules
