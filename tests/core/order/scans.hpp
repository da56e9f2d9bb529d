// Calls of a program for tests of orders: tensors one after the other, alone or in sets, and passes put together. Plain
// values.
#pragma once

#include <cstdint>
#include <vector>

#include <tierpager/types.hpp>

namespace tierpager::test {

using calls = std::vector<std::vector<tensor_id>>;

inline calls scan(std::uint32_t first, std::uint32_t tensors, std::uint32_t set = 1) {
  calls made;
  for (std::uint32_t i = 0; i < tensors; ++i) {
    if (i % set == 0) made.emplace_back();
    made.back().push_back(tensor_id{first + i});
  }
  return made;
}

inline calls operator+(calls one, calls const& other) {
  one.insert(one.end(), other.begin(), other.end());
  return one;
}

}  // namespace tierpager::test
