#include <tools/output.hpp>

#include <cerrno>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include <tierpager/error.hpp>

namespace tierpager::tools {

namespace {

constexpr std::size_t buffer_bytes = 1U << 20U;

// Writes all of it; false leaves the reason in errno.
bool write_all(int descriptor, std::span<std::byte const> bytes) {
  while (!bytes.empty()) {
    ssize_t const written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return true;
}

// The same, with all that the other file holds.
bool copy_all(int from, int to) {
  std::vector<std::byte> piece(buffer_bytes);
  for (off_t at = 0;;) {
    ssize_t const got = ::pread(from, piece.data(), piece.size(), at);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got == 0;
    if (!write_all(to, std::span(piece).first(static_cast<std::size_t>(got)))) return false;
    at += got;
  }
}

bool may_not_be_renamed(int system_error) {
  return system_error == EBUSY || system_error == EXDEV || system_error == EPERM || system_error == EACCES;
}

}  // namespace

output_file::output_file(output_target target, temporary_files& temporaries)
    : target_(std::move(target)), temporaries_(temporaries) {
  if (target_.now && !S_ISREG(target_.now->st_mode))
    open_stream();
  else if (target_.descriptor >= 0)
    open_aside();
  else
    open_beside();
  buffer_.reserve(buffer_bytes);
}

output_file::~output_file() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) temporaries_.remove(temporary_);
}

void output_file::open_stream() {
  descriptor_ = target_.descriptor >= 0 ? ::fcntl(target_.descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
                                        : ::open(target_.path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY);
  if (descriptor_ < 0) fail("cannot be written");
}

void output_file::open_beside() {
  auto made = temporaries_.create(target_.folder);
  if (made.descriptor < 0) {
    if (!target_.now || (errno != EACCES && errno != EPERM && errno != EROFS)) fail("cannot be written");
    return open_aside();
  }
  descriptor_ = made.descriptor;
  temporary_ = std::move(made.path);
  if (!target_.now || keeps_mode_and_owner()) return;
  ::close(std::exchange(descriptor_, -1));
  temporaries_.remove(std::exchange(temporary_, {}));
  open_aside();
}

// A file without a name: until `commit` the target stays as it is.
void output_file::open_aside() {
  in_place_ = true;
  std::error_code ignored;
  std::string pattern = (std::filesystem::temp_directory_path(ignored) / "tierpager-XXXXXX").string();
  descriptor_ = ignored ? -1 : ::mkostemp(pattern.data(), O_CLOEXEC);
  if (descriptor_ >= 0)
    ::unlink(pattern.c_str());
  else
    descriptor_ = ::memfd_create("tierpager", MFD_CLOEXEC);
  if (descriptor_ < 0) fail("cannot be written");
}

bool output_file::keeps_mode_and_owner() const {
  struct stat made {};
  if (::fstat(descriptor_, &made) != 0) return false;
  bool const same_owner = made.st_uid == target_.now->st_uid && made.st_gid == target_.now->st_gid;
  if (!same_owner && ::fchown(descriptor_, target_.now->st_uid, target_.now->st_gid) != 0) return false;
  constexpr mode_t permissions = 07777;
  return ::fchmod(descriptor_, target_.now->st_mode & permissions) == 0;
}

void output_file::write(std::span<std::byte const> bytes) {
  if (bytes.size() >= buffer_bytes) {
    flush();
    if (!write_all(descriptor_, bytes)) fail("write failed");
    return;
  }
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  if (buffer_.size() >= buffer_bytes) flush();
}

void output_file::flush() {
  if (!write_all(descriptor_, buffer_)) fail("write failed");
  buffer_.clear();
}

void output_file::finish() {
  flush();
  if (!temporary_.empty() && ::fsync(descriptor_) != 0) fail("write failed");
}

void output_file::commit() {
  if (in_place_) return copy_into_place();
  if (temporary_.empty()) return;
  if (::rename(temporary_.c_str(), target_.path.c_str()) == 0) {
    temporary_.clear();
    return;
  }
  if (!may_not_be_renamed(errno)) fail("cannot be renamed into place");
  copy_into_place();
}

void output_file::copy_into_place() {
  bool const given = target_.descriptor >= 0;
  int const to = given ? target_.descriptor : ::open(target_.path.c_str(), O_WRONLY | O_CLOEXEC);
  if (to < 0) fail("cannot be written");
  // Of two commands that write one file the later one waits, so that what is there is whole.
  if (!given && ((::flock(to, LOCK_EX) != 0 && errno != ENOLCK && errno != EOPNOTSUPP) || ::ftruncate(to, 0) != 0)) {
    int const refused = errno;
    ::close(to);
    errno = refused;
    fail("cannot be written");
  }
  bool const copied = copy_all(descriptor_, to) && (given || ::fsync(to) == 0);
  int const why = errno;
  if (!given) ::close(to);
  errno = why;
  if (!copied) fail("write failed: the file is incomplete");
}

void output_file::fail(std::string what) const {
  throw error(
      failure{.code = errc::invalid_argument, .what = std::move(what), .file = target_.name, .system_error = errno});
}

void write_standard_output(std::string_view text) {
  if (write_all(STDOUT_FILENO, std::as_bytes(std::span(text)))) return;
  throw error(failure{
      .code = errc::invalid_argument, .what = "write failed", .file = "standard output", .system_error = errno});
}

}  // namespace tierpager::tools
