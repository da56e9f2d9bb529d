#include <bench/comparison/compare_policies.hpp>

#include <cassert>

#include <bench/comparison/comparison_cache.hpp>

namespace tierpager::tools {
namespace {

using cache = std::unique_ptr<comparison_cache>;

}  // namespace

std::vector<comparison_counts> compare_policy(std::string_view policy, comparison_budgets budgets,
                                              std::span<std::uint64_t const> tensor_bytes,
                                              std::span<std::vector<tensor_id> const> passes) {
  bool const clairvoyant = policy == "belady";
  std::vector<tensor_id> all;
  if (clairvoyant)
    for (auto const& pass : passes) all.insert(all.end(), pass.begin(), pass.end());
  auto make = [&](std::uint64_t capacity_bytes) {
    return clairvoyant ? make_belady(capacity_bytes, tensor_bytes, all)
                       : make_comparison_cache(policy, capacity_bytes, tensor_bytes);
  };
  cache const vram = make(budgets.vram_bytes);
  cache const ram = make(clairvoyant ? budgets.vram_bytes + budgets.ram_bytes : budgets.ram_bytes);
  assert(vram && ram);

  std::vector<comparison_counts> counts;
  for (auto const& pass : passes) {
    comparison_counts& each = counts.emplace_back();
    std::uint64_t const vram_evictions = vram->evictions();
    std::uint64_t const ram_evictions = ram->evictions();
    for (tensor_id const id : pass) {
      ++each.acquires;
      bool const vram_hit = vram->access(id);
      bool const ram_hit = (!vram_hit || clairvoyant) && ram->access(id);
      if (vram_hit) {
        ++each.vram_hits;
        continue;
      }
      each.bytes_to_device += tensor_bytes[index_of(id)];
      if (ram_hit) {
        ++each.ram_hits;
        continue;
      }
      ++each.disk_reads;
      each.bytes_from_disk += tensor_bytes[index_of(id)];
    }
    vram->pass_ended();
    ram->pass_ended();
    each.vram_evictions = vram->evictions() - vram_evictions;
    each.ram_evictions = ram->evictions() - ram_evictions;
  }
  return counts;
}

}  // namespace tierpager::tools
