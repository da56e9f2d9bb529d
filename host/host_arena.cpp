#include <host/host_arena.hpp>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <iterator>

#include <sys/mman.h>
#include <unistd.h>

namespace tierpager {
namespace {

constexpr std::uint64_t huge_page_bytes = 2U << 20U;
constexpr int poison_byte = 0xa5;

failure refuse(byte_range range, char const* what) {
  return {.code = errc::invalid_argument,
          .what = "arena range of " + std::to_string(range.bytes) + " bytes at " + std::to_string(range.offset) + ": " +
                  what};
}

failure no_memory(std::uint64_t bytes, char const* what) {
  return {.code = errc::out_of_memory,
          .what = std::string(what) + " " + std::to_string(bytes) + " bytes",
          .system_error = errno};
}

}  // namespace

host_arena::host_arena(host_arena_options const& options)
    : options_(options),
      page_bytes_(static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE))),
      locks_pages_(options.lock_pages) {
  assert(options_.granule_bytes >= 256 && (options_.granule_bytes & (options_.granule_bytes - 1)) == 0);
}

host_arena::~host_arena() {
  scoped_lock const lock(mutex_);
  void* const mapping = reinterpret_cast<void*>(mapping_.offset);  // NOLINT(performance-no-int-to-ptr)
  if (mapping_.bytes != 0) (void)::munmap(mapping, mapping_.bytes);
}

result<std::byte*> host_arena::reserve(std::uint64_t bytes) {
  scoped_lock const lock(mutex_);
  if (mapping_.bytes != 0) return refuse({0, bytes}, "the arena is reserved already");
  std::uint64_t const alignment = std::max({options_.granule_bytes, huge_page_bytes, page_bytes_});
  std::uint64_t mapped_bytes = 0;
  errno = ENOMEM;
  if (__builtin_add_overflow(bytes, 2 * alignment, &mapped_bytes))
    return no_memory(bytes, "cannot reserve address space for");
  mapped_bytes = round_down(mapped_bytes, alignment);
  void* const at = ::mmap(nullptr, mapped_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) return no_memory(bytes, "cannot reserve address space for");
  mapping_ = {reinterpret_cast<std::uintptr_t>(at), mapped_bytes};
  auto* const aligned = static_cast<std::byte*>(at) + (round_up(mapping_.offset, alignment) - mapping_.offset);
  // Asked once, on a page that is in no tensor's way yet: most systems that refuse at all refuse this.
  bool const locks = locks_pages_ && ::mprotect(aligned, page_bytes_, PROT_READ | PROT_WRITE) == 0 &&
                     ::mlock(aligned, page_bytes_) == 0;
  if (locks_pages_ && !locks) lock_error_ = errno;
  locks_pages_ = locks;
  (void)::munlock(aligned, page_bytes_);
  (void)::mprotect(aligned, page_bytes_, PROT_NONE);
  (void)::madvise(aligned, page_bytes_, MADV_DONTNEED);
  reserved_bytes_ = bytes;
  base_ = aligned;
  return aligned;
}

status host_arena::check_aligned(byte_range range) const {
  if (range.offset % options_.granule_bytes != 0 || range.bytes % options_.granule_bytes != 0)
    return refuse(range, "not whole granules");
  std::uint64_t const end = round_up(reserved_bytes_, options_.granule_bytes);
  if (range.offset > end || range.bytes > end - range.offset) return refuse(range, "outside the reserved arena");
  return {};
}

bool host_arena::holds(byte_range range) const {
  if (range.bytes == 0) return true;
  auto const after = committed_.upper_bound(range.offset);
  if (after == committed_.begin()) return false;
  std::uint64_t const end = std::prev(after)->second;
  return end > range.offset && range.bytes <= end - range.offset;
}

byte_range host_arena::own_pages(byte_range range) const {
  std::uint64_t first = round_down(range.offset, page_bytes_);
  std::uint64_t last = round_up(range.end(), page_bytes_);
  auto const next = committed_.lower_bound(range.end());
  if (next != committed_.end() && next->first < last) last -= page_bytes_;
  auto const before = committed_.lower_bound(range.offset);
  if (before != committed_.begin() && std::prev(before)->second > first) first += page_bytes_;
  return first < last ? byte_range{first, last - first} : byte_range{first, 0};
}

// The system calls of commit and decommit run unlocked: page-locking gigabytes takes a while, and copies ask about
// other ranges meanwhile. Only this arena's commit and decommit change the table, and they never overlap.

status host_arena::commit(byte_range range) {
  byte_range pages;
  {
    scoped_lock const lock(mutex_);
    if (status fits = check_aligned(range); !fits.ok()) return fits;
    auto const next = committed_.upper_bound(range.offset);
    bool const overlaps = (next != committed_.end() && next->first < range.end()) ||
                          (next != committed_.begin() && std::prev(next)->second > range.offset);
    if (range.bytes == 0) return {};
    if (overlaps) return refuse(range, "committed already in part");
    pages = own_pages(range);
  }
  std::byte* const first = at(pages.offset);
  if (pages.bytes != 0 && ::mprotect(first, pages.bytes, PROT_READ | PROT_WRITE) != 0)
    return no_memory(range.bytes, "cannot commit");
  if (pages.bytes >= huge_page_bytes) (void)::madvise(first, pages.bytes, MADV_HUGEPAGE);
  if (pages.bytes != 0 && locks_pages_ && ::mlock(first, pages.bytes) != 0) {
    lock_error_ = errno;
    (void)::munlock(first, pages.bytes);
    locks_pages_ = false;
  }
  if (options_.poison) std::memset(at(range.offset), poison_byte, range.bytes);

  scoped_lock const lock(mutex_);
  auto const after = committed_.upper_bound(range.offset);
  auto merged = after;
  if (after != committed_.begin() && std::prev(after)->second == range.offset) {
    merged = std::prev(after);
    merged->second = range.end();
  } else {
    merged = committed_.emplace_hint(after, range.offset, range.end());
  }
  if (auto const next = std::next(merged); next != committed_.end() && next->first == range.end()) {
    merged->second = next->second;
    committed_.erase(next);
  }
  committed_bytes_ += range.bytes;
  return {};
}

status host_arena::decommit(byte_range range) {
  byte_range pages;
  {
    scoped_lock const lock(mutex_);
    if (status fits = check_aligned(range); !fits.ok()) return fits;
    if (!holds(range)) return refuse(range, "not committed");
    if (range.bytes == 0) return {};
    auto const part = std::prev(committed_.upper_bound(range.offset));
    std::uint64_t const end = part->second;
    part->second = range.offset;
    if (part->first == range.offset) committed_.erase(part);
    if (end > range.end()) committed_.emplace(range.end(), end);
    committed_bytes_ -= range.bytes;
    pages = own_pages(range);
  }
  if (pages.bytes == 0) return {};
  std::byte* const first = at(pages.offset);
  (void)::munlock(first, pages.bytes);  // locked pages would refuse to be given back
  if (::mprotect(first, pages.bytes, PROT_NONE) == 0 && ::madvise(first, pages.bytes, MADV_DONTNEED) == 0) return {};
  // Only a system out of memory for its own tables gets here. The pages go back without crashing on later use.
  if (::madvise(first, pages.bytes, MADV_DONTNEED) == 0) return {};
  return no_memory(range.bytes, "cannot give back");
}

bool host_arena::committed(byte_range range) const {
  scoped_lock const lock(mutex_);
  return range.bytes <= ~range.offset && holds(range);
}

std::uint64_t host_arena::committed_bytes() const {
  scoped_lock const lock(mutex_);
  return committed_bytes_;
}

std::uint64_t host_arena::offset_of(std::byte const* address) const {
  return reinterpret_cast<std::uintptr_t>(address) - reinterpret_cast<std::uintptr_t>(base_.load());
}

}  // namespace tierpager
