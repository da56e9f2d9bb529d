// Where results are written: a file that appears whole or not at all, and standard output. Not thread-safe.
// A regular file is written beside its target as FILE.partial and renamed by `commit`; without it nothing is left.
// What is not a regular file (a terminal, a pipe, /dev/null) is written in place.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tierpager::tools {

class output_file {
 public:
  /// Creates the file, so that a directory that cannot be written is found out before the work starts. Throws
  /// tierpager::error, as every member does.
  explicit output_file(std::string path);
  output_file(output_file const&) = delete;
  output_file& operator=(output_file const&) = delete;
  ~output_file();  // what was not committed is removed

  void write(std::span<std::byte const> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
  /// The bytes are on the disk, and the file has its name.
  void commit();

 private:
  void flush();
  [[noreturn]] void fail(std::string what) const;

  std::string path_;
  std::string target_;   // with symbolic links resolved
  std::string partial_;  // empty where the target is written in place
  int descriptor_ = -1;
  std::vector<std::byte> buffer_;
};

/// Writes all of it to standard output, now; throws tierpager::error where that fails.
void write_standard_output(std::string_view text);

/// To the file, or to standard output for "-".
void write_result(std::string const& path, std::string_view text);

}  // namespace tierpager::tools
