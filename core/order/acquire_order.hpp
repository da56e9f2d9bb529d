// An order in which tensors are acquired, again and again: what a plan is made for. Declared by the caller, read from a
// trace, or learned (order_tracker). Plain values; nothing here decides.
#pragma once

#include <cstdint>
#include <vector>

#include <tierpager/types.hpp>

namespace tierpager {

/// One tensor of one acquire call. Calls of a cycle are numbered from 0; the cycle repeats after the last.
struct order_entry {
  tensor_id id;
  std::uint32_t call = 0;   // by which it is acquired; the entries of a set share theirs
  std::uint32_t until = 1;  // the call before which it is released: call + 1 where it is not held across calls; may
                            // exceed the number of calls where the cycle goes round meanwhile
  friend bool operator==(order_entry const&, order_entry const&) = default;
};

/// One cycle, entries in the order of their calls. A tensor may occur several times.
struct acquire_order {
  std::vector<order_entry> entries;
  std::uint32_t calls = 0;
  friend bool operator==(acquire_order const&, acquire_order const&) = default;
};

}  // namespace tierpager
