// Every model that a reader has to refuse, by name, with the code and the place it has to name; those it has to read though
// they are unusual; and good models of every format. Built when asked for: none of them is larger than a few megabytes but for
// holes. The rows are those of docs/malformed_files.md. Tests only; any thread. Opens nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <tierpager/error.hpp>

namespace tierpager::testing {

enum class file_kind : std::uint8_t { regular, directory, fifo };

struct corpus_file {
  std::string name;
  std::string content;
  std::uint64_t hole_bytes = 0;  // behind the content
  file_kind kind = file_kind::regular;
};

struct malformed_model {
  std::string row;
  std::string name;
  std::vector<corpus_file> files;  // the first is opened
  std::optional<std::uint64_t> byte;
  std::string what;         // is part of what the failure says
  std::string tensor = {};  // that the failure names
  std::string blamed = {};  // the file that it names: the first, unless another is given
  errc code = errc::malformed_file;
};

/// A model that looks wrong, or is not written as most are, and has to be read all the same.
struct unusual_model {
  std::string name;
  std::vector<corpus_file> files;    // the first is opened
  std::vector<std::string> tensors;  // "NAME DTYPE BYTES" each, in the catalog's order
};

[[nodiscard]] std::vector<unusual_model> unusual_gguf();
[[nodiscard]] std::vector<unusual_model> unusual_safetensors();

using malformed_models = std::vector<malformed_model>;

[[nodiscard]] malformed_models malformed_gguf();
[[nodiscard]] malformed_models malformed_gguf_tensors();
[[nodiscard]] malformed_models malformed_gguf_of_a_million();
[[nodiscard]] malformed_models malformed_split_gguf();
[[nodiscard]] malformed_models malformed_safetensors();
[[nodiscard]] malformed_models malformed_safetensors_entries();
[[nodiscard]] malformed_models malformed_indexes();
[[nodiscard]] malformed_models malformed_manifests();

/// Of one file each, which says where everything lies: what a reader accepts, and every cut of it refuses.
[[nodiscard]] std::string good_gguf();
[[nodiscard]] std::string good_safetensors();
[[nodiscard]] std::string good_index();
[[nodiscard]] std::string good_manifest();

/// How much of a good file is its header: a cut behind that is in the tensors' bytes.
[[nodiscard]] std::uint64_t good_gguf_header_bytes();
/// What may be missing at the end of a good file.
[[nodiscard]] std::uint64_t good_gguf_padding_bytes();
[[nodiscard]] std::uint64_t good_safetensors_header_bytes();

}  // namespace tierpager::testing
