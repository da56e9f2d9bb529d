// A value for each of the two tiers, found by the tier: what the parts of the residency core keep once for VRAM and once for RAM.
// A plain pair; knows nothing of what it holds.
#pragma once

#include <tierpager/types.hpp>

namespace tierpager {

template <class T>
struct by_tier {
  [[nodiscard]] T& operator[](tier where) { return where == tier::vram ? vram : ram; }
  [[nodiscard]] T const& operator[](tier where) const { return where == tier::vram ? vram : ram; }

  T vram, ram;
};

inline constexpr tier both_tiers[] = {tier::vram, tier::ram};

}  // namespace tierpager
