#include <tools/partition.hpp>

#include <algorithm>
#include <numeric>

#include <core/pin_preset.hpp>

namespace tierpager::tools {

namespace {

std::vector<std::uint64_t> footprints(catalog const& tensors, std::uint64_t granule_bytes) {
  std::vector<std::uint64_t> bytes;
  for (tensor_info const& each : tensors.tensors()) bytes.push_back(round_up(each.bytes, granule_bytes));
  return bytes;
}

std::vector<bool> pinned(catalog const& tensors, std::vector<std::string> const& pins) {
  std::vector<bool> all(tensors.size());
  for (tensor_id const id : value_or_throw(match_all_pins(tensors, pins))) all[index_of(id)] = true;
  return all;
}

// What tensors may take: no more than all of them do, which is what an unlimited budget is.
std::uint64_t usable(tier_statistics const& tier, tier_options const& options, std::uint64_t all_bytes) {
  if (!tier.present) return 0;
  return std::min(all_bytes, round_down(tier.effective_bytes, options.granule_bytes));
}

acquire_order one_at_a_time(pass_order const& pass) {
  acquire_order order;
  for (tensor_id const id : pass) {
    order.entries.push_back({id, order.calls, order.calls + 1});
    ++order.calls;
  }
  return order;
}

}  // namespace

std::optional<memory_plan> partition_for(catalog const& tensors, virtual_pager_options const& options,
                                         std::vector<pass_order> const& passes, statistics const& tiers) {
  auto const differs = [&](pass_order const& each) { return each != passes.front(); };
  if (std::ranges::any_of(passes, differs)) return std::nullopt;
  constexpr std::uint64_t ring_chunk_bytes_max = 4U << 20U;
  plan_request request{.order = one_at_a_time(passes.front()),
                       .vram_bytes = footprints(tensors, options.core.vram.granule_bytes),
                       .ram_bytes = footprints(tensors, options.core.ram.granule_bytes),
                       .vram_space = {},
                       .pinned_vram = pinned(tensors, options.pin_vram),
                       .pinned_ram = pinned(tensors, options.pin_ram),
                       .vram_now = {},
                       .ram_now = {},
                       .rates = options.rates};
  std::uint64_t const vram_sum = std::reduce(request.vram_bytes.begin(), request.vram_bytes.end());
  std::uint64_t const ram_sum = std::reduce(request.ram_bytes.begin(), request.ram_bytes.end());
  request.vram_budget_bytes = usable(tiers.vram, options.core.vram, vram_sum);
  request.ram_budget_bytes = usable(tiers.ram, options.core.ram, ram_sum);
  std::uint64_t const largest_bytes = tensors.size() > 0 ? std::ranges::max(request.ram_bytes) : 0;
  request.ram_ring_floor_bytes = std::min(2 * std::min(options.core.chunk_bytes, ring_chunk_bytes_max), largest_bytes);
  request.vram_space = {0, 2 * vram_sum};
  return make_plan(request);
}

}  // namespace tierpager::tools
