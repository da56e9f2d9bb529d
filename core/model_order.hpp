// The order in which a model uses its tensors, as far as names and places in the file tell. Pure; any thread. A guess: who
// knows the order declares it.
#pragma once

#include <vector>

#include <tierpager/catalog.hpp>
#include <tierpager/types.hpp>

namespace tierpager {

/// Every tensor once. What belongs to one module, as its dotted name says, comes together, modules in the order in which they
/// begin in the file; layers by their numbers; outside of layers embeddings first, then the rest, the last norm, and the head.
/// Where there are layers and no head, the token embedding is used as one: its tensors come at the end once more.
[[nodiscard]] std::vector<tensor_id> model_order(catalog const& tensors);

}  // namespace tierpager
