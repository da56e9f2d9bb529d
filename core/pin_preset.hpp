// What a pin option names: a preset ("embeddings", "output", "last:N"), or a glob of tensor names. Pure; any thread.
// Presets know the names that GGUF (blk.N., token_embd, output) and the common safetensors models (layers.N.,
// embed_tokens, lm_head, ...) give these parts; a model with other names is pinned by glob. The output of a tied model, which
// has no tensor of its own for it, is its token embedding.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <tierpager/catalog.hpp>

namespace tierpager {

/// Ids in catalog order; slices count as their tensor. `unknown_tensor` where nothing matches, `invalid_argument` for
/// "last:" without a positive number.
result<std::vector<tensor_id>> match_pins(catalog const& tensors, std::string_view glob_or_preset);
/// The same for several, to be pinned at once, so that a refusal says what all of them need; an id may come twice.
result<std::vector<tensor_id>> match_all_pins(catalog const& tensors,
                                              std::vector<std::string> const& globs_and_presets);

/// Of those that cover less than they seem to, what they cover: "pin 'last:99': there are 30 layers, of which it covers 30".
/// Presets; globs that match some slices of a tensor, or without naming any layer leave some out. Not escaped. Empty for
/// exact names, and where match_pins fails.
std::vector<std::string> pin_notes(catalog const& tensors, std::vector<std::string> const& globs_and_presets);

}  // namespace tierpager
