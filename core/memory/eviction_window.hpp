// Where a tensor could go if others left: the stretch of committed addresses whose tensors cost least to lose. Pure. The
// answer depends on addresses and costs alone, and the time it takes on what lies in the stretch that is searched.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>

#include <core/memory/offset_arena.hpp>
#include <tierpager/types.hpp>

namespace tierpager {

/// A tensor that has a place.
struct tenant {
  tensor_id id;
  byte_range range;
};
using tenants = std::map<std::uint64_t, tenant>;  // by offset; no two overlap

/// What is lost if tensors leave. What stands first counts most.
struct leave_cost {
  std::uint32_t pinned = 0;  // how many: only where there is no other way
  std::uint32_t ahead = 0;   // how many that were loaded ahead of the program, and that nobody has used yet
  double bytes_in_use = 0;   // bytes of each, times how much it is used
  double streamed_bytes = 0;    // the same of those that have another home
  friend auto operator<=>(leave_cost const&, leave_cost const&) = default;  // NOLINT(modernize-use-nullptr)
};

struct eviction_window {
  byte_range range;  // of the size asked for
  leave_cost cost;
};

/// Nothing for a tensor that may not leave.
using cost_of_leaving = std::function<std::optional<leave_cost>(tenant const&)>;

/// The cheapest stretch of `bytes` that lies in committed memory, in holes and tensors that may leave, and begins where
/// one of these does; the lowest of equals. Only holes and tensors that touch `within` are looked at.
std::optional<eviction_window> cheapest_window(offset_arena const& holes, tenants const& there, byte_range within,
                                               std::uint64_t bytes, cost_of_leaving const& cost);
/// The lowest such stretch, whatever it costs.
std::optional<eviction_window> lowest_window(offset_arena const& holes, tenants const& there, std::uint64_t bytes,
                                             cost_of_leaving const& cost);
/// What lies in the range, wholly or in part, in the order of addresses.
std::vector<tenant> tenants_in(tenants const& there, byte_range range);
std::vector<tensor_id> lying_in(tenants const& there, byte_range range);

}  // namespace tierpager
