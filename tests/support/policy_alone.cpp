#include <tests/support/policy_alone.hpp>

#include <vector>

#include <tierpager/eviction_policy.hpp>

namespace tierpager::test {

double bytes_of_policy_alone(std::string_view policy, expert_trace const& trace, std::uint64_t vram_bytes,
                             std::size_t first_pass) {
  std::vector<std::uint64_t> const tensor_bytes = trace.tensor_bytes();
  auto const ranks = value_or_throw(make_eviction_policy(policy, tensor_bytes));
  ranks->resized(vram_bytes);
  std::vector<bool> resident(tensor_bytes.size(), false);
  std::uint64_t used_bytes = 0;
  double moved_bytes = 0;
  for (std::size_t pass = 0; pass < trace.passes.size(); ++pass) {
    for (tensor_id const id : trace.passes[pass]) {
      std::uint64_t const bytes = tensor_bytes[index_of(id)];
      if (!resident[index_of(id)]) {
        while (used_bytes + bytes > vram_bytes) {
          tensor_id const victim = ranks->first_victim().value();
          ranks->erased(victim);
          resident[index_of(victim)] = false;
          used_bytes -= tensor_bytes[index_of(victim)];
        }
        resident[index_of(id)] = true;
        used_bytes += bytes;
        if (pass >= first_pass) moved_bytes += static_cast<double>(bytes);
      }
      ranks->touched(id);
    }
  }
  return moved_bytes;
}

}  // namespace tierpager::test
