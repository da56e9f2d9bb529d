// A raw manifest: JSON that says where tensors lie in files beside it, for bytes of no format of their own:
// {"tensors":[{"name","file","offset","bytes","dtype","shape"}]}, shape outermost first. Pure; any thread. Opens no
// file: the manifest of a model that does not exist can be planned for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <tierpager/catalog.hpp>
#include <tierpager/error.hpp>

namespace tierpager {

inline constexpr std::uint64_t manifest_bytes_max = 100'000'000;

struct manifest {
  std::vector<std::string> files = {};    // plain file names, in the order they are first named
  std::vector<tensor_info> tensors = {};  // by file, then by offset
};

/// Fails with `malformed_file`, naming the tensor where there is one, and the byte. A dtype that is one of
/// safetensors' or ggml's must agree with `bytes`; any other is taken at its word. Tensors may overlap: they may share bytes.
[[nodiscard]] result<manifest> read_manifest(std::string_view text);

}  // namespace tierpager
