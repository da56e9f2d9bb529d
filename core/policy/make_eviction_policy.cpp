#include <core/policy/lru.hpp>
#include <tierpager/eviction_policy.hpp>

namespace tierpager {

result<std::unique_ptr<eviction_policy>> make_eviction_policy(std::string_view name, std::size_t tensors) {
  if (name == "lru" || name == "auto") return std::unique_ptr<eviction_policy>(std::make_unique<lru>(tensors));
  return failure{.code = errc::invalid_argument,
                 .what = "no eviction policy '" + std::string(name) + "', only lru and auto"};
}

}  // namespace tierpager
