#include <host/environment.hpp>

#include <cstdlib>

namespace tierpager {

std::optional<std::string> environment_text(char const* name) {
  char const* const text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing of ours changes the environment
  if (text == nullptr || *text == '\0') return std::nullopt;
  return text;
}

}  // namespace tierpager
