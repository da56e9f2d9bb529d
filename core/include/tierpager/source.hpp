// The port through which a tensor's bytes come: a set of files, or anything that can be read by offset.
// Implementations: pread_source, mmap_source; a user's own. Called from several reader threads at once, never under
// the pager's lock. Does not cache, does not know tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include <tierpager/error.hpp>
#include <tierpager/export.hpp>

namespace tierpager {

/// Bytes of numbered files, by offset. A pager shares it, and so keeps it alive.
class TIERPAGER_EXPORT source {
 public:
  source() = default;
  source(source const&) = delete;
  source& operator=(source const&) = delete;
  virtual ~source() = default;

  /// Fills all of `target` with the bytes of file number `file` (the catalog's index) from `offset` on, or fails:
  /// `file_truncated` where the file ends early, `file_changed` where it was altered since it was opened,
  /// `read_failed` with `system_error` else. The failure names the file and the first byte that could not be had.
  /// After a failure the content of `target` is unspecified. Never raises a signal. An interrupted call is retried.
  virtual status read(std::uint32_t file, std::uint64_t offset, std::span<std::byte> target) = 0;

  /// How long a file is: what it was when it was opened, for a model's files. None where there is no such file, and where
  /// the source does not know.
  [[nodiscard]] virtual std::optional<std::uint64_t> bytes_of([[maybe_unused]] std::uint32_t file) const {
    return std::nullopt;
  }
};

}  // namespace tierpager
