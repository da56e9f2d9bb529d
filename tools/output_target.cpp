#include <tools/output_target.hpp>

#include <cerrno>
#include <charconv>
#include <filesystem>

#include <fcntl.h>
#include <unistd.h>

#include <tierpager/error.hpp>

namespace tierpager::tools {

namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(std::string const& name, int system_error, std::string what = "cannot be written") {
  throw error(
      failure{.code = errc::invalid_argument, .what = std::move(what), .file = name, .system_error = system_error});
}

// The name of a file, or of what `/proc/self/fd` says the process has open.
struct found_place {
  fs::path folder;
  std::string file;
  int descriptor = -1;
};

int descriptor_number(std::string const& text) {
  int number = -1;
  auto const [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), number);
  return wrong == std::errc{} && end == text.data() + text.size() ? number : -1;
}

// Follows the links of the last name; its folder may be reached through others.
std::error_code follow(fs::path path, found_place& into) {
  constexpr int links_max = 40;
  std::error_code wrong;
  std::error_code no_proc;
  fs::path const own_descriptors = fs::canonical("/proc/self/fd", no_proc);
  for (int links = 0; links < links_max; ++links) {
    into.folder = fs::canonical(path.has_parent_path() ? path.parent_path() : fs::path("."), wrong);
    into.file = path.filename().string();
    if (wrong) return wrong;
    if (into.file.empty() || into.file == "." || into.file == "..") return {EISDIR, std::generic_category()};
    if (!no_proc && into.folder == own_descriptors) into.descriptor = descriptor_number(into.file);
    if (into.descriptor >= 0) return {};
    fs::path const there = into.folder / into.file;
    if (!fs::is_symlink(fs::symlink_status(there, wrong))) return {};
    fs::path const next = fs::read_symlink(there, wrong);
    if (wrong) return wrong;
    path = next.is_absolute() ? next : into.folder / next;
  }
  return {ELOOP, std::generic_category()};
}

file_identity identity_of_status(struct stat const& status) {
  return {.device = status.st_dev, .inode = status.st_ino, .new_name = {}};
}

std::optional<file_identity> identity_of_place(found_place const& place) {
  struct stat status {};
  if (::stat((place.folder / place.file).c_str(), &status) == 0) return identity_of_status(status);
  if (::stat(place.folder.c_str(), &status) != 0) return std::nullopt;
  return file_identity{.device = status.st_dev, .inode = status.st_ino, .new_name = place.file};
}

// What this process opened itself is closed by exec; what it was given is not.
void use_descriptor(output_target& found, int descriptor) {
  int const flags = ::fcntl(descriptor, F_GETFD);
  if (flags < 0 || (flags & FD_CLOEXEC) != 0) refuse(found.name, EBADF);
  int const mode = ::fcntl(descriptor, F_GETFL);
  if (mode < 0 || (mode & O_ACCMODE) == O_RDONLY) refuse(found.name, 0, "is not open for writing");
  struct stat now {};
  if (::fstat(descriptor, &now) != 0) refuse(found.name, errno);
  found.descriptor = descriptor;
  found.now = now;
  found.identity = identity_of_status(now);
}

}  // namespace

output_target find_output(std::string const& name) {
  output_target found{
      .name = name == "-" ? "standard output" : name, .path = {}, .folder = {}, .now = {}, .identity = {}};
  if (name == "-") {
    use_descriptor(found, STDOUT_FILENO);
    return found;
  }
  if (name.empty()) refuse("''", ENOENT);
  found_place place;
  if (std::error_code const wrong = follow(name, place)) refuse(name, wrong.value());
  if (place.descriptor >= 0) {
    use_descriptor(found, place.descriptor);
    return found;
  }
  found.path = (place.folder / place.file).string();
  found.folder = place.folder.string();
  struct stat now {};
  if (::stat(found.path.c_str(), &now) == 0) {
    found.now = now;
    if (S_ISDIR(now.st_mode)) refuse(name, EISDIR);
    if (::faccessat(AT_FDCWD, found.path.c_str(), W_OK, AT_EACCESS) != 0) found.refused = errno;
  } else if (errno != ENOENT) {
    refuse(name, errno);
  }
  auto const identity = identity_of_place(place);
  if (!identity) refuse(name, errno);
  found.identity = *identity;
  return found;
}

std::optional<file_identity> identity_of(std::string const& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) return identity_of_status(status);
  found_place place;
  if (follow(path, place) || place.descriptor >= 0) return std::nullopt;
  return identity_of_place(place);
}

}  // namespace tierpager::tools
