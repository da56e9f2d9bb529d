#include <tests/cuda_standin/address_space.hpp>

#include <sys/mman.h>

#include <cassert>
#include <cstdlib>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#define TIERPAGER_STANDIN_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TIERPAGER_STANDIN_ASAN 1
#endif
#endif
#if defined(TIERPAGER_STANDIN_ASAN)
#include <sanitizer/asan_interface.h>
#endif

namespace tierpager::cuda_standin::address_space {
namespace {

constexpr std::uint64_t kept_resident_bytes = std::uint64_t{4} << 20U;

struct block {
  std::uint64_t bytes = 0;
  std::uint64_t alignment = 0;
};

struct space {
  std::mutex mutex;
  std::map<std::uintptr_t, block> blocks;
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::vector<std::byte*>> free;  // by size and alignment
};

space& all() {
  static space* const reserved = new space;  // outlives what frees memory as the program ends
  return *reserved;
}

std::uintptr_t number(std::byte const* at) { return reinterpret_cast<std::uintptr_t>(at); }

}  // namespace

std::byte* take(std::uint64_t bytes, std::uint64_t alignment) {
  space& from = all();
  std::lock_guard const lock(from.mutex);
  std::vector<std::byte*>& ready = from.free[{bytes, alignment}];
  if (!ready.empty()) {
    std::byte* const again = ready.back();
    ready.pop_back();
    return again;
  }
  void* const fresh =
      mmap(nullptr, bytes + alignment, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (fresh == MAP_FAILED) std::abort();
  std::uintptr_t const lowest = reinterpret_cast<std::uintptr_t>(fresh);
  auto* const base = static_cast<std::byte*>(fresh) + (alignment - lowest % alignment) % alignment;
  from.blocks[number(base)] = {.bytes = bytes, .alignment = alignment};
  close(base, bytes);
  return base;
}

void give_back(std::byte* base) {
  space& to = all();
  std::lock_guard const lock(to.mutex);
  auto const found = to.blocks.find(number(base));
  assert(found != to.blocks.end());
  block const& which = found->second;
  if (which.bytes > kept_resident_bytes) madvise(base, which.bytes, MADV_DONTNEED);
  close(base, which.bytes);
  to.free[{which.bytes, which.alignment}].push_back(base);
}

bool contains(std::uintptr_t address) {
  space& in = all();
  std::lock_guard const lock(in.mutex);
  auto const behind = in.blocks.upper_bound(address);
  if (behind == in.blocks.begin()) return false;
  auto const& [base, which] = *std::prev(behind);
  return address - base < which.bytes;
}

void open([[maybe_unused]] std::byte* base, [[maybe_unused]] std::uint64_t bytes) {
#if defined(TIERPAGER_STANDIN_ASAN)
  ASAN_UNPOISON_MEMORY_REGION(base, bytes);
#endif
}

void close([[maybe_unused]] std::byte* base, [[maybe_unused]] std::uint64_t bytes) {
#if defined(TIERPAGER_STANDIN_ASAN)
  ASAN_POISON_MEMORY_REGION(base, bytes);
#endif
}

}  // namespace tierpager::cuda_standin::address_space
