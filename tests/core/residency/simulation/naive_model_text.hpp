// How the findings of the naive model name tensors, tiers and numbers, the same in all of its sources. For these alone:
// others write them shorter.
#pragma once

#include <string>

#include <tierpager/types.hpp>

namespace tierpager::simulation {

inline std::string text(tensor_id id) { return "tensor " + std::to_string(index_of(id)); }
inline std::string text(tier where) { return std::string(name_of(where)); }
inline std::string text(std::uint64_t number) { return std::to_string(number); }

}  // namespace tierpager::simulation
