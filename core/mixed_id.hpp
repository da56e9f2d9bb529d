// A hash of a dense id: ids at whatever distance from each other come to lie apart, each at a place of its own. A plain
// function; not for what an adversary chooses. Two rounds of multiply and shift, as MurmurHash3 ends with.
#pragma once

#include <cstdint>

namespace tierpager {

constexpr std::uint32_t mixed_id(std::uint32_t id) {
  id = (id ^ (id >> 16U)) * 0x85EBCA6BU;
  id = (id ^ (id >> 13U)) * 0xC2B2AE35U;
  return id ^ (id >> 16U);
}

}  // namespace tierpager
