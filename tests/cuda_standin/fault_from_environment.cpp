#include <cstdio>
#include <cstdlib>

#include <tests/cuda_standin/fault_plan.hpp>

namespace tierpager::cuda_standin {

std::optional<call_fault> fault_from_environment() {
  char const* const text = std::getenv("TIERPAGER_STANDIN_FAIL");
  if (text == nullptr) return std::nullopt;
  std::optional<call_fault> const plan = parse_fault(text);
  if (plan) return plan;
  std::fprintf(stderr, "stand-in: TIERPAGER_STANDIN_FAIL is '%s', not CALL:N:once|for_ever|sticky[:CODE]\n", text);
  std::abort();
}

}  // namespace tierpager::cuda_standin
