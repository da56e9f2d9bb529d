// What the command line asked for: which schedules, how many, which share of them. Read by the tests; set by main.cpp
// before any of them runs.
#pragma once

#include <cstdint>
#include <optional>

namespace tierpager::schedules {

struct request {
  std::optional<std::uint64_t> seed;
  std::optional<std::uint64_t> schedules;
  std::uint64_t shard = 0;
  std::uint64_t shards = 1;
  std::uint64_t call = 0;  // of a fault run: this one alone
  bool verbose = false;
};
request& requested();

/// Named on standard error where an assert ends the program.
void seed_under_way(std::uint64_t seed);

}  // namespace tierpager::schedules
