#include <tools/output.hpp>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
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

// A rename would replace a symbolic link rather than the file it names.
std::string resolved(std::string const& path) {
  std::error_code ignored;
  std::filesystem::path const target = std::filesystem::weakly_canonical(path, ignored);
  return ignored || target.empty() ? path : target.string();
}

}  // namespace

output_file::output_file(std::string path) : path_(std::move(path)), target_(resolved(path_)) {
  struct stat existing {};
  bool const in_place = ::stat(target_.c_str(), &existing) == 0 && !S_ISREG(existing.st_mode);
  if (!in_place) partial_ = target_ + ".partial";
  int const flags = O_WRONLY | O_CLOEXEC | (in_place ? 0 : O_CREAT | O_TRUNC);
  descriptor_ = ::open((in_place ? target_ : partial_).c_str(), flags, 0666);
  if (descriptor_ < 0) fail("cannot be written");
  buffer_.reserve(buffer_bytes);
}

output_file::~output_file() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!partial_.empty()) ::unlink(partial_.c_str());
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

void output_file::commit() {
  flush();
  if (!partial_.empty() && ::fsync(descriptor_) != 0) fail("write failed");
  if (::close(std::exchange(descriptor_, -1)) != 0) fail("write failed");
  if (partial_.empty()) return;
  if (::rename(partial_.c_str(), target_.c_str()) != 0) fail("cannot be renamed into place");
  partial_.clear();
}

void output_file::fail(std::string what) const {
  throw error(failure{.code = errc::invalid_argument, .what = std::move(what), .file = path_, .system_error = errno});
}

void write_standard_output(std::string_view text) {
  if (write_all(STDOUT_FILENO, std::as_bytes(std::span(text)))) return;
  throw error(failure{
      .code = errc::invalid_argument, .what = "write failed", .file = "standard output", .system_error = errno});
}

void write_result(std::string const& path, std::string_view text) {
  if (path == "-") return write_standard_output(text);
  output_file file(path);
  file.write(text);
  file.commit();
}

}  // namespace tierpager::tools
