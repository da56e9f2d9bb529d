// What 100 % of a tier is, of which smaller shares of the model are shares. Pure; any thread. Knows of a tier no more than
// its options, and nothing of what lies in it.
#pragma once

#include <cstdint>

#include <core/residency/residency_options.hpp>
#include <tierpager/catalog.hpp>

namespace tierpager {

/// The least budget that holds every tensor at once beside the scratch: each takes a whole multiple of the tier's alignment,
/// all of them whole granules. Of `of` the budget does not matter.
[[nodiscard]] std::uint64_t whole_model_bytes(catalog const& tensors, tier_options const& of,
                                              std::uint64_t scratch_bytes);

}  // namespace tierpager
