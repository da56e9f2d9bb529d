// The whole state of a residency core as text, for a debugger or a failed assertion: each tier, each tensor that is not merely
// absent, each load and each request that is not over. Not thread-safe: called under the pager's lock. Changes nothing.
#pragma once

#include <string>

#include <core/residency/ledger.hpp>
#include <core/residency/load_table.hpp>
#include <core/residency/request_book.hpp>

namespace tierpager {

/// A line each; bytes and addresses as they are, not rounded. Linear in the number of tensors.
std::string state_dump(ledger const& now, load_table const& loads, request_book const& book);

}  // namespace tierpager
