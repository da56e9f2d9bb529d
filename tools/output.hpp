// Where results are written: a file that appears whole or not at all, and standard output. Not thread-safe.
// A regular file is written beside its target under a name of its own, and renamed by `commit`; without that nothing is
// left. Where it cannot be renamed (a mounted file, a folder that may not be written), `commit` copies it into place. What
// is not a regular file (a terminal, a pipe, /dev/null) is written as it comes.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tools/output_target.hpp>
#include <tools/temporary_files.hpp>

namespace tierpager::tools {

class output_file {
 public:
  /// Creates the temporary file, so that what cannot be written is found out before the work starts. Waits for the reader
  /// of a named pipe. An existing file keeps its mode and owner. Throws tierpager::error, as every member does.
  output_file(output_target target, temporary_files& temporaries);
  output_file(output_file const&) = delete;
  output_file& operator=(output_file const&) = delete;
  ~output_file();  // what was not committed is removed

  void write(std::span<std::byte const> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
  /// All that was written has left this process; of a regular file it is on the disk.
  void finish();
  /// After `finish`: the file has its name.
  void commit();

 private:
  void open_beside();
  void open_aside();
  void open_stream();
  bool keeps_mode_and_owner() const;
  void copy_into_place();
  void flush();
  [[noreturn]] void fail(std::string what) const;

  output_target target_;
  temporary_files& temporaries_;
  int descriptor_ = -1;    // of what is written to
  std::string temporary_;  // its path, where it lies beside its target
  bool in_place_ = false;  // copied by `commit`
  std::vector<std::byte> buffer_;
};

/// Writes all of it to standard output, now; throws tierpager::error where that fails.
void write_standard_output(std::string_view text);

}  // namespace tierpager::tools
