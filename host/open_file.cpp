#include <host/open_file.hpp>

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tierpager {

result<open_file> open_file::open(std::string path) {
  // Non-blocking: a FIFO with no writer must not hang the caller before it is seen to be one.
  int descriptor = -1;
  do descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  while (descriptor < 0 && errno == EINTR);
  if (descriptor < 0) {
    int const system_error = errno;
    bool const not_the_name =
        system_error == EMFILE || system_error == ENFILE || system_error == ENOMEM || system_error == EIO;
    return failure{.code = not_the_name ? errc::read_failed : errc::file_not_found,
                   .what = "cannot be opened",
                   .file = std::move(path),
                   .system_error = system_error};
  }
  open_file opened(descriptor, std::move(path));
  struct stat info = {};
  if (::fstat(descriptor, &info) != 0)
    return failure{
        .code = errc::read_failed, .what = "cannot be examined", .file = opened.path_, .system_error = errno};
  if (!S_ISREG(info.st_mode)) {
    char const* const what = S_ISDIR(info.st_mode) ? "is a directory, not a file" : "is not a regular file";
    return failure{.code = errc::malformed_file, .what = what, .file = opened.path_};
  }
  // Reads through the descriptor are to wait for their bytes.
  if (int const flags = ::fcntl(descriptor, F_GETFL); flags >= 0)
    (void)::fcntl(descriptor, F_SETFL, flags & ~O_NONBLOCK);
  opened.bytes_ = static_cast<std::uint64_t>(info.st_size);
  opened.modified_ = info.st_mtim;
  opened.device_ = info.st_dev;
  opened.inode_ = info.st_ino;
  return opened;
}

open_file::open_file(open_file&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      path_(std::move(other.path_)),
      bytes_(other.bytes_),
      modified_(other.modified_),
      device_(other.device_),
      inode_(other.inode_) {}

open_file& open_file::operator=(open_file&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);  // the old one is closed with `other`
  path_ = std::move(other.path_);
  bytes_ = other.bytes_;
  modified_ = other.modified_;
  device_ = other.device_;
  inode_ = other.inode_;
  return *this;
}

open_file::~open_file() {
  if (descriptor_ >= 0) (void)::close(descriptor_);
}

status open_file::unchanged() const {
  struct stat info = {};
  if (::fstat(descriptor_, &info) != 0)
    return failure{.code = errc::read_failed, .what = "cannot be examined", .file = path_, .system_error = errno};
  auto const bytes_now = static_cast<std::uint64_t>(info.st_size);
  if (bytes_now < bytes_)
    return failure{
        .code = errc::file_truncated, .what = "was cut short since it was opened", .file = path_, .byte = bytes_now};
  bool const same_time = info.st_mtim.tv_sec == modified_.tv_sec && info.st_mtim.tv_nsec == modified_.tv_nsec;
  if (bytes_now != bytes_ || !same_time || info.st_ino != inode_ || info.st_dev != device_)
    return failure{.code = errc::file_changed, .what = "was changed since it was opened", .file = path_};
  return {};
}

status open_file::read(std::uint64_t offset, std::span<std::byte> target) const {
  while (!target.empty()) {
    ssize_t const got = ::pread(descriptor_, target.data(), target.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      return failure{
          .code = errc::read_failed, .what = "cannot be read", .file = path_, .byte = offset, .system_error = errno};
    if (got == 0)
      return failure{
          .code = errc::file_truncated, .what = "ends before the bytes it promised", .file = path_, .byte = offset};
    offset += static_cast<std::uint64_t>(got);
    target = target.subspan(static_cast<std::size_t>(got));
  }
  return {};
}

}  // namespace tierpager
