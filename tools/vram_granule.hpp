// The granule of VRAM that the command reckons with where it asks no GPU: `plan` for its virtual device, `run` for the host
// device. Both take the same, so that they say the same. Reads the environment, no file; any thread.
#pragma once

#include <cstdint>

#include <tierpager/budget.hpp>
#include <tierpager/catalog.hpp>
#include <tierpager/types.hpp>

namespace tierpager::tools {

/// A GPU's, 2 MiB, so that what is said holds there. But 4 KiB where the budget, or the model, is less than eight of those:
/// models as small as that are tried out or tested with, and whole granules would be all that is seen of them.
std::uint64_t vram_granule_bytes(budget const& asked, catalog const& tensors);

}  // namespace tierpager::tools
