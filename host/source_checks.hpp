// What every source over files has in common: how long its files are, and the checks before and after it reads. Any thread.
// They ask the system about the file, and read nothing.
#pragma once

#include <algorithm>
#include <optional>
#include <span>

#include <host/open_file.hpp>
#include <tierpager/error.hpp>

namespace tierpager {

/// source::bytes_of.
inline std::optional<std::uint64_t> bytes_of_file(std::span<open_file const> files, std::uint32_t file) {
  return file < files.size() ? std::optional(files[file].bytes()) : std::nullopt;
}

/// Whether file number `file` exists and held [offset, offset + bytes) when it was opened.
inline status check_extent(std::span<open_file const> files, std::uint32_t file, std::uint64_t offset,
                           std::uint64_t bytes) {
  if (file >= files.size())
    return failure{.code = errc::invalid_argument,
                   .what = "file " + std::to_string(file) + " of " + std::to_string(files.size())};
  open_file const& from = files[file];
  if (offset <= from.bytes() && bytes <= from.bytes() - offset) return {};
  return failure{.code = errc::file_truncated,
                 .what = "ends before the bytes asked for",
                 .file = from.path(),
                 .byte = std::max(offset, from.bytes())};
}

/// Whether the file is still what it was when opened, asked after bytes from `offset` on were read from it.
inline status check_unchanged(open_file const& from, std::uint64_t offset) {
  status now = from.unchanged();
  if (now.ok() || now.error().byte) return now;
  failure why = now.error();
  why.byte = offset;  // none of what was read can be trusted
  return why;
}

}  // namespace tierpager
