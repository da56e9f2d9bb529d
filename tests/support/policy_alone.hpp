// What an eviction policy loads into a tier that counts bytes and knows no addresses: one caller, nothing held, no plan.
// Pure, any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include <tests/support/expert_traces.hpp>

namespace tierpager::test {

/// In the passes from `first_pass` on, the first being 0; those before are played too.
double bytes_of_policy_alone(std::string_view policy, expert_trace const& trace, std::uint64_t vram_bytes,
                             std::size_t first_pass);

}  // namespace tierpager::test
