// What a slice option says, `GLOB` or `GLOB:ROWS`, for open_options::slice and the command's --slice. Pure; any thread.
// A glob may hold colons and brackets: only digits behind the last colon are ROWS. Where they belong to the name,
// as in `kernel:0`, ROWS has to be said: `kernel:0:1`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <tierpager/catalog.hpp>

namespace tierpager {

/// The arguments of catalog::slice.
struct slice_option {
  std::string glob;
  std::uint64_t rows = 1;
};

/// `invalid_argument` where ROWS is 0 or exceeds 2^64-1, or no GLOB stands before it.
result<slice_option> parse_slice(std::string_view text);
/// The same for a model: `invalid_argument`, too, where what stands behind the last colon is no number and can only have
/// been meant as ROWS, since the whole matches no tensor and what stands before the colon does.
result<slice_option> parse_slice(std::string_view text, catalog const& tensors);

}  // namespace tierpager
