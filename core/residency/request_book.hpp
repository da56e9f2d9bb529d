// The requests of acquires that are not over: which still wait for room, in ticket order, and which wait for loads; and who holds
// what. Not thread-safe: called under the pager's lock. Decides nothing.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include <core/residency/by_tier.hpp>
#include <core/residency/command.hpp>
#include <core/residency/holders.hpp>
#include <core/residency/unproven_uses.hpp>
#include <tierpager/types.hpp>

namespace tierpager {

/// A set that is wanted in one tier, all or nothing.
struct request {
  std::vector<tensor_id> ids;
  tier where;
  owner_id owner;
  bool admitted = false;      // it has room: the rest of it is being loaded
  std::uint32_t missing = 0;  // distinct tensors not there yet
};

struct request_book {
  request& add(request_id& id, request asked) {
    id = static_cast<request_id>(next_++);
    return requests[id] = std::move(asked);
  }

  std::map<request_id, request> requests;
  by_tier<std::vector<request_id>> waiting;  // that are not admitted yet, in order
  holders held;
  unproven_uses unproven;

 private:
  std::uint64_t next_ = 1;
};

}  // namespace tierpager
