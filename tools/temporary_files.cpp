#include <tools/temporary_files.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <random>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace tierpager::tools {

temporary_files::file temporary_files::create(std::string const& folder) {
  std::random_device numbers;
  std::lock_guard const lock(mutex_);
  file made;
  do {
    auto const number = std::uint64_t{numbers()} << 32U | numbers();
    made.path = fmt::format("{}/tierpager-{:016x}.partial", folder, number);
    made.descriptor = ::open(made.path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  } while (made.descriptor < 0 && (errno == EEXIST || errno == EINTR));
  if (made.descriptor >= 0) paths_.push_back(made.path);
  return made;
}

void temporary_files::remove(std::string const& path) {
  std::lock_guard const lock(mutex_);
  auto const found = std::find(paths_.begin(), paths_.end(), path);
  if (found == paths_.end()) return;
  ::unlink(path.c_str());
  paths_.erase(found);
}

void temporary_files::publish(std::function<void()> const& step) {
  std::lock_guard const lock(mutex_);
  step();
  published_ = true;
}

bool temporary_files::abandon() {
  std::unique_lock lock(mutex_);
  if (published_) return false;
  for (std::string const& path : paths_) ::unlink(path.c_str());
  lock.release();
  return true;
}

}  // namespace tierpager::tools
