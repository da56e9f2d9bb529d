#include <core/residency/whole_model.hpp>

namespace tierpager {

std::uint64_t whole_model_bytes(catalog const& tensors, tier_options const& of, std::uint64_t scratch_bytes) {
  std::uint64_t places = round_up(scratch_bytes, of.footprint_align_bytes());
  for (tensor_info const& each : tensors) places += round_up(each.bytes, of.footprint_align_bytes());
  return round_up(places, of.granule_bytes) + of.overhead_bytes;
}

}  // namespace tierpager
