#include <tools/event_file.hpp>

#include <fmt/format.h>

#include <tools/text.hpp>

namespace tierpager::tools {

std::string text_of(std::span<event const> events, catalog const& tensors) {
  fmt::memory_buffer text;
  auto const to = std::back_inserter(text);
  for (event const& each : events) {
    std::string const name = printable(tensors[each.tensor].name);
    if (each.what == event::kind::evicted)
      fmt::format_to(to, "evict {} {} {}\n", name_of(each.where), name_of(each.why), name);
    else
      fmt::format_to(to, "load {} {} {} {}\n", name_of(each.where), each.from_disk ? "disk" : "ram",
                     each.ahead ? "ahead" : "asked", name);
  }
  return fmt::to_string(text);
}

}  // namespace tierpager::tools
