// One regular file of a model, opened once and kept: what was checked is what is read, whatever happens to its name
// later. Movable owner of the descriptor; const calls from any thread at once. Does not cache, does not read ahead.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include <sys/stat.h>

#include <tierpager/error.hpp>

namespace tierpager {

class open_file {
 public:
  /// Opens for reading without ever blocking on it. With the system's error: `file_not_found` where the name leads to
  /// nothing that may be read, `read_failed` where the system is short of something. `malformed_file` for what is not
  /// a regular file: a directory, FIFO or device. Symbolic links are followed.
  static result<open_file> open(std::string path);

  open_file(open_file&& other) noexcept;
  open_file& operator=(open_file&& other) noexcept;
  ~open_file();

  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] std::string const& path() const { return path_; }
  /// Its size when it was opened.
  [[nodiscard]] std::uint64_t bytes() const { return static_cast<std::uint64_t>(opened_.st_size); }

  /// Asks the system again: `file_truncated` where the file is shorter than when it was opened; `file_changed`, with what
  /// differs, where its size, times, names, permissions, owner or inode do, so that it was written, deleted, replaced or
  /// touched; `read_failed` where the system does not answer.
  [[nodiscard]] status unchanged() const;
  /// Fills all of `target` from `offset` on. Interrupted and short reads are continued; `file_truncated` where the
  /// file ends first, `read_failed` with the system's error else. The failure names the first byte not read.
  [[nodiscard]] status read(std::uint64_t offset, std::span<std::byte> target) const;
  /// Whether both are the same file of the same file system, by whatever names they were opened.
  [[nodiscard]] bool same_file(open_file const& other) const {
    return opened_.st_dev == other.opened_.st_dev && opened_.st_ino == other.opened_.st_ino;
  }

 private:
  open_file(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}

  int descriptor_ = -1;
  std::string path_;
  struct stat opened_ = {};  // what the system said of it then
};

}  // namespace tierpager
