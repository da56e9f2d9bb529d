#include <tests/cuda_standin/calls.hpp>

#include <array>

namespace tierpager::cuda_standin {
namespace {

struct description {
  std::string_view name;
  bool may_fail;
};

#define TIERPAGER_CUDA_CALL_DESCRIPTION(name, spelling, may_fail) description{spelling, may_fail},
constexpr std::array<description, call_kinds> descriptions{TIERPAGER_CUDA_CALLS(TIERPAGER_CUDA_CALL_DESCRIPTION)};
#undef TIERPAGER_CUDA_CALL_DESCRIPTION

}  // namespace

std::string_view name_of(call kind) { return descriptions.at(static_cast<std::size_t>(kind)).name; }

bool fallible(call kind) { return descriptions.at(static_cast<std::size_t>(kind)).may_fail; }

std::optional<call> call_named(std::string_view name) {
  for (std::size_t i = 0; i != call_kinds; ++i) {
    if (descriptions.at(i).name == name) return static_cast<call>(i);
  }
  return std::nullopt;
}

}  // namespace tierpager::cuda_standin
