// The names of a file: the one given, and where that is a symbolic link the ones that it leads to, in turn. What a model has
// beside it (shards, parts, config.json) lies beside one of them: download caches have links to all of a model in one folder,
// and users have links to its first file only. Any thread. Opens nothing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tierpager {

/// At least `path` itself.
[[nodiscard]] std::vector<std::string> linked_names(std::string const& path);

/// Where the file `name` lies that goes with `path`.
[[nodiscard]] std::string beside(std::string const& path, std::string_view name);

/// The first of the linked names of `path` beside which there is a file `name`; `path` where there is none.
[[nodiscard]] std::string name_with(std::string const& path, std::string_view name);

}  // namespace tierpager
