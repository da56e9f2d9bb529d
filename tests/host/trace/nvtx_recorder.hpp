// A profiler for tests: the library that NVTX loads (NVTX_INJECTION64_PATH), linked by the test as well, which reads here
// what it was told. Any thread. It knows the push and pop of ranges in domains, and no other kind of event.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace tierpager::tests {

struct recorded_range {
  std::string domain, category, message;
  std::uint64_t payload = 0;
  bool payload_is_bytes = false;  // an unsigned 64-bit number
  std::uint64_t thread = 0;
  std::string inside;                    // the category of the range around it on its thread
  std::uint64_t opened = 0, closed = 0;  // one count for all threads; 0: still open
};

/// Every range since the last call, in the order in which they were opened; those that are open stay for the next.
[[nodiscard]] std::vector<recorded_range> take_recorded();
/// Called at each event, on its thread, from now on; an empty one for none. Not to be set while events happen.
void set_on_event(std::function<void()> call);
/// Ranges that are open now.
[[nodiscard]] std::size_t open_ranges();
/// Pops without a push, events in a form that the recorder does not know.
[[nodiscard]] std::uint64_t misuses();
/// How often a name was registered, over all domains.
[[nodiscard]] std::uint64_t registered_names();

}  // namespace tierpager::tests
