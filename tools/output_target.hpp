// Where the name of an output leads: through symbolic links, to a file, or to what the process was given open, as
// /dev/stdout. Looks, and changes nothing. One thread.
#pragma once

#include <optional>
#include <string>

#include <sys/stat.h>

namespace tierpager::tools {

/// Which file a name leads to, whatever the name: the file itself, or for a file to be made its place in its folder.
struct file_identity {
  dev_t device = 0;
  ino_t inode = 0;
  std::string new_name;  // empty for a file that is there
  friend bool operator==(file_identity const&, file_identity const&) = default;
};

struct output_target {
  std::string name;                // as the user gave it
  std::string path;                // with symbolic links followed; empty for a descriptor
  std::string folder;              // that of `path`
  int descriptor = -1;             // one that the process was given
  std::optional<struct stat> now;  // none for a file to be made
  int refused = 0;                 // the system's error where the file may not be written
  file_identity identity;
};

/// `-` is standard output. Throws tierpager::error where nothing can be written under that name: a missing folder, a
/// directory, a descriptor that is not open for writing.
output_target find_output(std::string const& name);

/// That of a file to be read; none where there is no such file and no such folder.
std::optional<file_identity> identity_of(std::string const& path);

}  // namespace tierpager::tools
