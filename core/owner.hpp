// How owner ids are numbered: even ones are threads, odd ones are tokens that new_owner() made. Plain values; any thread.
// Does not count threads or tokens: host does.
#pragma once

#include <cstdint>
#include <string>

#include <tierpager/types.hpp>

namespace tierpager {

/// `number` counts from 1, so that no thread is `owner_id::this_thread`.
constexpr owner_id owner_of_thread(std::uint64_t number) { return owner_id{2 * number}; }
constexpr owner_id owner_of_token(std::uint64_t number) { return owner_id{2 * number + 1}; }
constexpr bool is_thread(owner_id owner) { return static_cast<std::uint64_t>(owner) % 2 == 0; }

/// "thread 3" or, as the user sees the token, "owner 7".
inline std::string describe(owner_id owner) {
  auto const value = static_cast<std::uint64_t>(owner);
  return is_thread(owner) ? "thread " + std::to_string(value / 2) : "owner " + std::to_string(value);
}

}  // namespace tierpager
