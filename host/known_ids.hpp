// Ids and names that a caller passes, checked against the catalog of the model. Any thread; throws `unknown_tensor`.
// Does not look at where the tensors lie.
#pragma once

#include <string_view>

#include <tierpager/catalog.hpp>

namespace tierpager {

/// Throws for an id that no tensor has.
void check_id(catalog const& tensors, tensor_id id);
/// The id of that name, or throws.
[[nodiscard]] tensor_id id_named(catalog const& tensors, std::string_view name);

}  // namespace tierpager
