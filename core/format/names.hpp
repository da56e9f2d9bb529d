// Checks on text that comes out of a model file: encoding, names of files, names given twice.
// Pure; any thread. Looks at no file system: a plain name may still be a symbolic link.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tierpager {

/// Where the text stops being UTF-8 (overlong forms, surrogates and code points above U+10FFFF are not); none where
/// all of it is.
[[nodiscard]] std::optional<std::size_t> find_invalid_utf8(std::string_view text);

/// Whether a name that a model file gives to another file stays in the model's own directory: one path component, no
/// separator of any system, no NUL, neither `.` nor `..`.
[[nodiscard]] bool is_plain_file_name(std::string_view name);

/// The same for a name that may lie in a folder of that directory, `transformer/m.safetensors` or `./m.safetensors`: the
/// name without its `.`, so that one file has one name. None where it is absolute, has `..` or a part without a name, or leads
/// elsewhere on another system.
[[nodiscard]] std::optional<std::string> path_inside(std::string_view name);

/// Whether the file is what Git leaves in place of a large file that was not fetched.
[[nodiscard]] bool is_lfs_pointer(std::string_view first_bytes);

/// The least index whose name an earlier index has. Sorts instead of hashing: no file can make it slow.
[[nodiscard]] std::optional<std::size_t> find_duplicate(std::span<std::string_view const> names);

}  // namespace tierpager
