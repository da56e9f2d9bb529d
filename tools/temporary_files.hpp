// The temporary files of a command at work, and the moment its results become visible. Any thread. A signal that ends the
// process removes them first: no result is left half named. Knows nothing of what the files are for.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

namespace tierpager::tools {

class temporary_files {
 public:
  struct file {
    int descriptor = -1;
    std::string path;
  };

  /// A new, empty file of a name that nobody else uses, readable and writable as the umask says; descriptor -1 and errno
  /// where the folder does not allow it. The caller owns the descriptor.
  file create(std::string const& folder);
  /// Removes the file, if it still has that name.
  void remove(std::string const& path);
  /// Names of temporaries become final in `step`, which a signal cannot cut in two. After it the results are out, and
  /// the first signal changes nothing. What `step` throws is passed on; then nothing counts as published.
  void publish(std::function<void()> const& step);
  /// For the thread that ends the process: removes all files, and from then on no other member returns. False, and nothing is
  /// done, where the results were published.
  bool abandon();

 private:
  std::mutex mutex_;
  std::vector<std::string> paths_;
  bool published_ = false;
};

}  // namespace tierpager::tools
