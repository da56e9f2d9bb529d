#include <host/open_file.hpp>

#include <cerrno>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tierpager {

namespace {

// What an error of open(2) says that its message does not: the limit, and how to raise it.
std::string why_not_opened(int system_error) {
  std::string what = "cannot be opened";
  rlimit files = {};
  if (system_error != EMFILE || ::getrlimit(RLIMIT_NOFILE, &files) != 0) return what;
  what += ": a process may have " + std::to_string(files.rlim_cur) + " files open at a time";
  if (files.rlim_cur == files.rlim_max) return what + ", and only the administrator can raise that (ulimit -Hn)";
  return what + ", and up to " + std::to_string(files.rlim_max) + " after `ulimit -n " +
         std::to_string(files.rlim_max) + "`";
}

bool same_time(timespec const& left, timespec const& right) {
  return left.tv_sec == right.tv_sec && left.tv_nsec == right.tv_nsec;
}

// A list for the message; empty where nothing differs. The time of the last access is no change.
std::string changes_between(struct stat const& before, struct stat const& now) {
  std::string changes;
  auto const differs = [&](bool differ, std::string_view what) {
    if (differ) changes.append(changes.empty() ? "" : ", ").append(what);
  };
  auto const size_of = [](struct stat const& info) { return std::to_string(info.st_size); };
  if (before.st_size != now.st_size) differs(true, "size (" + size_of(before) + " to " + size_of(now) + " bytes)");
  differs(!same_time(before.st_mtim, now.st_mtim), "modification time");
  differs(before.st_ino != now.st_ino || before.st_dev != now.st_dev, "inode");
  differs(before.st_mode != now.st_mode, "permissions");
  differs(before.st_uid != now.st_uid || before.st_gid != now.st_gid, "owner");
  differs(before.st_nlink != now.st_nlink, "number of names");
  differs(!same_time(before.st_ctim, now.st_ctim), "change time");
  return changes;
}

// What became of the name under which a file was opened that is no longer what it was; empty where it still leads there.
std::string change_of_name(std::string const& path, struct stat const& opened) {
  struct stat named = {};
  if (::stat(path.c_str(), &named) != 0) return errno == ENOENT ? "it was deleted or renamed; " : "";
  bool const same = named.st_ino == opened.st_ino && named.st_dev == opened.st_dev;
  return same ? "" : "another file, of another inode, took its name; ";
}

}  // namespace

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
                   .what = why_not_opened(system_error),
                   .file = std::move(path),
                   .system_error = system_error};
  }
  open_file opened(descriptor, std::move(path));
  if (::fstat(descriptor, &opened.opened_) != 0)
    return failure{
        .code = errc::read_failed, .what = "cannot be examined", .file = opened.path_, .system_error = errno};
  if (!S_ISREG(opened.opened_.st_mode)) {
    char const* const what = S_ISDIR(opened.opened_.st_mode) ? "is a directory, not a file" : "is not a regular file";
    return failure{.code = errc::malformed_file, .what = what, .file = opened.path_};
  }
  // Reads through the descriptor are to wait for their bytes.
  if (int const flags = ::fcntl(descriptor, F_GETFL); flags >= 0)
    (void)::fcntl(descriptor, F_SETFL, flags & ~O_NONBLOCK);
  return opened;
}

open_file::open_file(open_file&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), path_(std::move(other.path_)), opened_(other.opened_) {}

open_file& open_file::operator=(open_file&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);  // the old one is closed with `other`
  path_ = std::move(other.path_);
  opened_ = other.opened_;
  return *this;
}

open_file::~open_file() {
  if (descriptor_ >= 0) (void)::close(descriptor_);
}

status open_file::unchanged() const {
  struct stat now = {};
  if (::fstat(descriptor_, &now) != 0)
    return failure{.code = errc::read_failed, .what = "cannot be examined", .file = path_, .system_error = errno};
  if (now.st_size < opened_.st_size)
    return failure{.code = errc::file_truncated,
                   .what = "was cut short since it was opened",
                   .file = path_,
                   .byte = static_cast<std::uint64_t>(now.st_size)};
  std::string const changes = changes_between(opened_, now);
  if (changes.empty()) return {};
  return failure{.code = errc::file_changed,
                 .what = "was changed since it was opened: " + change_of_name(path_, opened_) + changes,
                 .file = path_};
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
