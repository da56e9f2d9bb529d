// Names of models to one catalog and the files it speaks of, each opened once and kept. Reads headers only. May be
// called from any thread. Never opens a file outside the directory of a named one, but through a symbolic link there.
#pragma once

#include <string>
#include <vector>

#include <core/format/safetensors.hpp>
#include <host/open_file.hpp>
#include <tierpager/catalog.hpp>
#include <tierpager/error.hpp>
#include <tierpager/metadata.hpp>

namespace tierpager {

struct opened_model {
  catalog tensors;               // by file, within a file by offset
  std::vector<open_file> files;  // one for each of tensors.files(), in that order
  metadata file_metadata = {};   // of the first path
};

/// A path is a GGUF file (any part of a split model stands for all of it), a safetensors file, an index of safetensors
/// shards or a raw manifest under any name, or a directory, of which find_model says what it stands for. What a file is, its
/// bytes decide before its name. Of an index the map decides: what a shard holds besides is left out. Where a path is a
/// symbolic link, what goes with it is looked for beside the link, then beside what that leads to.
/// `malformed_file`, `file_not_found` or `read_failed` name the file, tensor and byte; `unsupported` an index of files that
/// are not read; `invalid_argument` where a directory holds no model or leaves a choice, or two files hold a tensor of the
/// same name.
[[nodiscard]] result<opened_model> read_catalog(std::vector<std::string> const& paths,
                                                trailing_bytes trailing = trailing_bytes::refuse);

/// The catalog alone, of the same paths and with the same failures; but the files that a raw manifest speaks of need not
/// exist.
[[nodiscard]] result<catalog> read_headers(std::vector<std::string> const& paths,
                                           trailing_bytes trailing = trailing_bytes::refuse);

}  // namespace tierpager
