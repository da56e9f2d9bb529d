// What a use rate ranks tensors by, and how much of that may be brought up to date at once. Plain values; any thread.
// Who leaves at all is not decided here.
#pragma once

#include <cstdint>

namespace tierpager {

/// Lower leaves first; of equals, the one used last.
struct eviction_rank {
  double key = 0;
  std::uint64_t last_use = 0;
  friend bool operator<(eviction_rank const& left, eviction_rank const& right) {
    return left.key != right.key ? left.key < right.key : left.last_use > right.last_use;
  }
};

/// So many outdated ranks are looked at again in one call, which holds the pager's lock meanwhile. Where more are
/// outdated, the lowest of these is the answer.
inline constexpr unsigned ranked_anew_max = 256;

}  // namespace tierpager
