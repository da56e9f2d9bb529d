#include <host/known_ids.hpp>

#include <string>

namespace tierpager {

void check_id(catalog const& tensors, tensor_id id) {
  if (index_of(id) >= tensors.size())
    throw error({.code = errc::unknown_tensor, .what = "no tensor has the id " + std::to_string(index_of(id))});
}

tensor_id id_named(catalog const& tensors, std::string_view name) {
  auto const id = tensors.find(name);
  if (!id) throw error({.code = errc::unknown_tensor, .what = "no such tensor", .tensor = std::string(name)});
  return *id;
}

}  // namespace tierpager
