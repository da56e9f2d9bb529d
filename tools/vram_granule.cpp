#include <tools/vram_granule.hpp>

#include <algorithm>

#include <core/residency/whole_model.hpp>
#include <host/auto_budget.hpp>

namespace tierpager::tools {

std::uint64_t vram_granule_bytes(budget const& asked, catalog const& tensors) {
  constexpr std::uint64_t of_a_gpu = 2U << 20U;
  constexpr std::uint64_t of_small_models = 4096;
  constexpr std::uint64_t granules_min = 8;
  tier_options const fine{.granule_bytes = of_small_models, .align_bytes = vram_align_bytes};
  std::uint64_t const whole_bytes = whole_model_bytes(tensors, fine, 0);
  budget const named = named_budget(tier::vram, asked);
  bool const known = named.what() != budget::kind::automatic;
  std::uint64_t const used_bytes = known ? std::min(named.bytes_of(whole_bytes), whole_bytes) : whole_bytes;
  return used_bytes < granules_min * of_a_gpu ? of_small_models : of_a_gpu;
}

}  // namespace tierpager::tools
