#include <core/plan/plan_question.hpp>

namespace tierpager {
namespace {

std::vector<byte_range> ranges(std::vector<std::uint64_t> const& offsets, std::vector<std::uint64_t> const& bytes) {
  std::vector<byte_range> found(offsets.size());
  for (std::size_t tensor = 0; tensor < offsets.size(); ++tensor)
    if (offsets[tensor] != memory_plan::no_place) found[tensor] = {offsets[tensor], bytes[tensor]};
  return found;
}

}  // namespace

std::optional<memory_plan> make_plan(plan_question const& asked) {
  plan_request request = asked.request;
  request.order = *asked.order;
  request.vram_bytes = *asked.vram_bytes;
  request.ram_bytes = *asked.ram_bytes;
  request.vram_now = ranges(asked.vram_now, request.vram_bytes);
  request.ram_now = ranges(asked.ram_now, request.ram_bytes);
  return make_plan(request);
}

}  // namespace tierpager
