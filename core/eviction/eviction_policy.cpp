#include <tierpager/eviction_policy.hpp>

#include <core/eviction/lru.hpp>
#include <core/eviction/use_rate.hpp>

namespace tierpager {

result<std::unique_ptr<eviction_policy>> make_eviction_policy(std::string_view name,
                                                              std::span<std::uint64_t const> tensor_bytes) {
  if (name == "auto") return std::unique_ptr<eviction_policy>(std::make_unique<use_rate>(tensor_bytes));
  return make_eviction_policy(name, tensor_bytes.size());
}

result<std::unique_ptr<eviction_policy>> make_eviction_policy(std::string_view name, std::size_t tensors) {
  bool const exact = name == "lru";
  if (exact || name == "auto") return std::unique_ptr<eviction_policy>(std::make_unique<lru>(tensors, exact));
  return failure{.code = errc::invalid_argument,
                 .what = "no eviction policy '" + std::string(name) + "', only lru and auto"};
}

}  // namespace tierpager
