#include <cuda/host_pages.hpp>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <thread>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

namespace tierpager {
namespace {

constexpr std::uint64_t huge_page_bytes = 2U << 20U;
constexpr std::uint64_t alone_bytes_max = 64U << 20U;  // what one thread touches without help
constexpr unsigned touchers_max = 8;

failure no_memory(char const* what, std::uint64_t bytes) {
  return {.code = errc::out_of_memory,
          .what = std::string(what) + " " + std::to_string(bytes) + " bytes of RAM",
          .system_error = errno};
}

void touch(std::byte* first, std::uint64_t bytes, std::uint64_t page_bytes) {
  for (std::uint64_t at = 0; at < bytes; at += page_bytes) *static_cast<std::byte volatile*>(first + at) = std::byte{0};
}

// Page faults take longer than anything else here, and run side by side.
void touch_together(std::byte* first, std::uint64_t bytes, std::uint64_t page_bytes) {
  std::uint64_t const parts =
      bytes < alone_bytes_max ? 1 : std::clamp(std::thread::hardware_concurrency(), 1U, touchers_max);
  std::uint64_t const part_bytes = round_up((bytes + parts - 1) / parts, huge_page_bytes);
  std::vector<std::jthread> helpers;
  std::uint64_t at = 0;
  try {
    for (; bytes - at > part_bytes; at += part_bytes)
      helpers.emplace_back([=] { touch(first + at, part_bytes, page_bytes); });
  } catch (std::system_error const&) {
    // No thread to be had: this one does the rest.
  }
  touch(first + at, bytes - at, page_bytes);
}

}  // namespace

host_pages::host_pages() : page_bytes_(static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE))) {}

host_pages::~host_pages() {
  if (mapping_ != nullptr) (void)::munmap(mapping_, mapped_bytes_);
}

result<std::byte*> host_pages::reserve(std::uint64_t bytes) {
  std::uint64_t const whole = std::max(round_up(bytes, page_bytes_), page_bytes_);
  errno = ENOMEM;
  if (whole < bytes || whole + huge_page_bytes < whole) return no_memory("cannot reserve addresses for", bytes);
  void* const at =
      ::mmap(nullptr, whole + huge_page_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) return no_memory("cannot reserve addresses for", bytes);
  // A fork would copy every page that is page-locked, or leave the GPU reading the child's: the child gets none of them.
  (void)::madvise(at, whole + huge_page_bytes, MADV_DONTFORK);
  mapping_ = at;
  mapped_bytes_ = whole + huge_page_bytes;
  auto const address = reinterpret_cast<std::uintptr_t>(at);
  bytes_ = whole;
  base_ = static_cast<std::byte*>(at) + (round_up(address, huge_page_bytes) - address);
  return base();
}

status host_pages::commit(byte_range range, touch_pages how) {
  std::byte* const first = base() + range.offset;
  if (::mprotect(first, range.bytes, PROT_READ | PROT_WRITE) != 0) return no_memory("cannot commit", range.bytes);
  std::uint64_t const huge_first = round_up(range.offset, huge_page_bytes);
  std::uint64_t const huge_end = round_down(range.end(), huge_page_bytes);
  if (huge_first < huge_end) (void)::madvise(base() + huge_first, huge_end - huge_first, MADV_HUGEPAGE);
  if (how == touch_pages::yes) touch_together(first, range.bytes, page_bytes_);
  return {};
}

status host_pages::give_back(byte_range range) {
  std::byte* const first = base() + range.offset;
  if (::madvise(first, range.bytes, MADV_DONTNEED) != 0) return no_memory("cannot give back", range.bytes);
  (void)::mprotect(first, range.bytes, PROT_NONE);  // refused only for want of memory to note it in: the pages are gone
  return {};
}

}  // namespace tierpager
