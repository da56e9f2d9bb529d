#include <host/mmap_source.hpp>

#include <cerrno>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <host/source_checks.hpp>

namespace tierpager {

result<std::unique_ptr<mmap_source>> mmap_source::open(std::vector<open_file> files, mapped_copy by) {
  std::unique_ptr<mmap_source> opened(new mmap_source(std::move(files)));
  if (status mapped = opened->map(); !mapped.ok()) return mapped.error();
  if (status chosen = opened->choose_copy(by); !chosen.ok()) return chosen.error();
  return opened;
}

mmap_source::~mmap_source() {
  for (std::size_t i = 0; i < mappings_.size(); ++i)
    if (mappings_[i] != nullptr) (void)::munmap(const_cast<std::byte*>(mappings_[i]), files_[i].bytes());
  if (self_memory_ >= 0) (void)::close(self_memory_);
}

status mmap_source::map() {
  for (open_file const& file : files_) {
    void* at = nullptr;
    if (file.bytes() != 0) at = ::mmap(nullptr, file.bytes(), PROT_READ, MAP_SHARED, file.descriptor(), 0);
    if (at == MAP_FAILED) {
      int const code = errno;
      // ENOMEM stands for two limits: that of address space, and that of mappings, of which each file takes one.
      char const* const what = code == ENOMEM
                                   ? "cannot be mapped: the limit of address space (ulimit -v) or of mappings "
                                     "(sysctl vm.max_map_count) is reached; the pread source takes neither"
                                   : "cannot be mapped";
      return failure{.code = errc::read_failed, .what = what, .file = file.path(), .system_error = code};
    }
    mappings_.push_back(static_cast<std::byte const*>(at));
  }
  return {};
}

status mmap_source::choose_copy(mapped_copy by) {
  std::byte const original{0x5a};
  auto works = [&](mapped_copy candidate) {
    if (by != mapped_copy::automatic && by != candidate) return false;
    by_ = candidate;
    std::byte copied{};
    return copy_out(&original, std::span(&copied, 1)) == 1 && copied == original;
  };
  if (works(mapped_copy::process_vm_readv)) return {};
  int const refused = errno;
  if (by != mapped_copy::process_vm_readv) {
    self_memory_ = ::open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    if (self_memory_ >= 0 && works(mapped_copy::proc_self_mem)) return {};
  }
  return failure{
      .code = errc::unsupported,
      .what = "mmap source: this system allows neither process_vm_readv nor reading /proc/self/mem; use pread",
      .system_error = by == mapped_copy::proc_self_mem ? errno : refused};
}

ssize_t mmap_source::copy_out(std::byte const* from, std::span<std::byte> target) const {
  if (by_ == mapped_copy::proc_self_mem)
    return ::pread(self_memory_, target.data(), target.size(),
                   static_cast<off_t>(reinterpret_cast<std::uintptr_t>(from)));
  iovec const local{.iov_base = target.data(), .iov_len = target.size()};
  iovec const remote{.iov_base = const_cast<std::byte*>(from), .iov_len = target.size()};
  return ::process_vm_readv(::getpid(), &local, 1, &remote, 1, 0);
}

std::optional<std::uint64_t> mmap_source::bytes_of(std::uint32_t file) const { return bytes_of_file(files_, file); }

status mmap_source::read(std::uint32_t file, std::uint64_t offset, std::span<std::byte> target) {
  if (status fits = check_extent(files_, file, offset, target.size()); !fits.ok()) return fits;
  open_file const& from = files_[file];
  std::uint64_t const begin = offset;
  while (!target.empty()) {
    ssize_t const got = copy_out(mappings_[file] + offset, target);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      int const code = got < 0 ? errno : EIO;
      // A page behind the end of a file that was cut, or one that the disk would not give.
      if (status now = from.unchanged(); !now.ok() && now.error().code == errc::file_truncated) return now;
      return failure{.code = errc::read_failed,
                     .what = "a mapped page cannot be read",
                     .file = from.path(),
                     .byte = offset,
                     .system_error = code};
    }
    offset += static_cast<std::uint64_t>(got);
    target = target.subspan(static_cast<std::size_t>(got));
  }
  // Behind a cut the rest of the last page reads as zeros without a fault: only the size tells.
  return check_unchanged(from, begin);
}

}  // namespace tierpager
