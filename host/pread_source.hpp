// Reads a model's files with pread: buffered, in as many pieces as the system makes of it. Any number of threads at
// once. A file cut or changed since it was opened is an error; a change within one tick of the file system's clock that
// leaves the size as it was cannot be seen. Does not read ahead.
#pragma once

#include <functional>
#include <vector>

#include <sys/types.h>

#include <host/open_file.hpp>
#include <tierpager/source.hpp>

namespace tierpager {

/// pread(2), or what a test puts in its place. Called from several threads at once.
using pread_function = std::function<ssize_t(int descriptor, void* target, std::size_t bytes, off_t offset)>;

class pread_source final : public source {
 public:
  /// `files` in the order of the catalog's.
  explicit pread_source(std::vector<open_file> files);
  pread_source(std::vector<open_file> files, pread_function read_at);

  status read(std::uint32_t file, std::uint64_t offset, std::span<std::byte> target) override;
  [[nodiscard]] std::optional<std::uint64_t> bytes_of(std::uint32_t file) const override;

 private:
  std::vector<open_file> const files_;
  pread_function const read_at_;
};

}  // namespace tierpager
