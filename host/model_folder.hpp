// Which files of a folder are the model that is meant by naming the folder. Looks at names, and into JSON files for a
// weight_map; reads no header. Any thread. Never chooses: where more than one model may be meant, it says which.
#pragma once

#include <string>
#include <vector>

#include <tierpager/error.hpp>

namespace tierpager {

/// The paths to open, in their order: an index of safetensors shards, if there is one; else one GGUF file (the first of a
/// split model), one safetensors file, or all parts of one model of safetensors files. `invalid_argument` with what can be
/// named where that leaves a choice or nothing; `file_not_found` with the path of the first part that is missing where a model
/// of several parts has no index to say what else it consists of; `read_failed` where the folder cannot be listed.
[[nodiscard]] result<std::vector<std::string>> find_model(std::string const& folder);

/// Whether the name is one of a file of pickles, as PyTorch writes them.
[[nodiscard]] bool has_pickle_ending(std::string_view name);

}  // namespace tierpager
