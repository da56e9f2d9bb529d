#include <host/pread_source.hpp>

#include <cerrno>

#include <unistd.h>

#include <host/source_checks.hpp>

namespace tierpager {

pread_source::pread_source(std::vector<open_file> files) : pread_source(std::move(files), ::pread) {}

pread_source::pread_source(std::vector<open_file> files, pread_function read_at)
    : files_(std::move(files)), read_at_(std::move(read_at)) {}

std::optional<std::uint64_t> pread_source::bytes_of(std::uint32_t file) const { return bytes_of_file(files_, file); }

status pread_source::read(std::uint32_t file, std::uint64_t offset, std::span<std::byte> target) {
  if (status fits = check_extent(files_, file, offset, target.size()); !fits.ok()) return fits;
  open_file const& from = files_[file];
  std::uint64_t const begin = offset;
  while (!target.empty()) {
    ssize_t const got = read_at_(from.descriptor(), target.data(), target.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      return failure{.code = errc::read_failed,
                     .what = "cannot be read",
                     .file = from.path(),
                     .byte = offset,
                     .system_error = errno};
    if (got == 0)
      return failure{.code = errc::file_truncated,
                     .what = "was cut short since it was opened",
                     .file = from.path(),
                     .byte = offset};
    offset += static_cast<std::uint64_t>(got);
    target = target.subspan(static_cast<std::size_t>(got));
  }
  return check_unchanged(from, begin);
}

}  // namespace tierpager
