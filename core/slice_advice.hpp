// What a refusal suggests for a tensor that is too large for its tier: how many rows a part of it may have. Pure; any
// thread. Knows nothing of granules: bytes that are available are whole ones.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <tierpager/catalog.hpp>

namespace tierpager {

/// The largest power of two of rows that takes no more than `available_bytes` and is less than the whole tensor. None where
/// one row takes more, and for what has fewer than two rows, no bytes, or bytes that do not divide into rows.
std::optional<std::uint64_t> rows_that_fit(tensor_info const& tensor, std::uint64_t available_bytes);

/// What to add to "needs at least N bytes": the slice option under which each part fits, for the command and for
/// open_options::slice. Empty where no part would. For NAME[a:b] it names NAME, whose parts are to be smaller.
std::string slice_advice(tensor_info const& tensor, std::uint64_t available_bytes);

}  // namespace tierpager
