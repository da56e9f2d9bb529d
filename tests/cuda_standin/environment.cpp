// The world that a program gets that says nothing: from the environment, with a thread for each stream.
#include <cstdlib>

#include <tests/cuda_standin/world.hpp>

namespace tierpager::cuda_standin {
namespace {

std::uint64_t number_in(char const* variable, std::uint64_t otherwise) {
  char const* const text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

}  // namespace

world_options options_from_environment() {
  world_options options{.threads = true};
  options.seed = number_in("TIERPAGER_STANDIN_SEED", options.seed);
  options.devices = static_cast<int>(number_in("TIERPAGER_STANDIN_DEVICES", 1));
  options.vmm = number_in("TIERPAGER_STANDIN_VMM", 1) != 0;
  options.vram_bytes = number_in("TIERPAGER_STANDIN_VRAM_BYTES", options.vram_bytes);
  return options;
}

}  // namespace tierpager::cuda_standin
