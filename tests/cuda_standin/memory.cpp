// Device memory and page-locked memory: what is allocated where, who touched it, and what its end meets.
#include <cassert>
#include <cstring>

#include <tests/cuda_standin/address_space.hpp>
#include <tests/cuda_standin/world.hpp>

namespace tierpager::cuda_standin {
namespace {

constexpr std::uint64_t page_bytes = 4096;
constexpr std::uint64_t allocation_alignment = 512;
constexpr int poison_byte = 0xc7;

std::uint64_t rounded_up(std::uint64_t value, std::uint64_t to) { return (value + to - 1) / to * to; }
std::uintptr_t number(void const* at) { return reinterpret_cast<std::uintptr_t>(at); }
std::uintptr_t first_page(allocation const& block) { return block.first() / page_bytes * page_bytes; }
std::uintptr_t page_end(allocation const& block) { return rounded_up(block.last(), page_bytes); }
std::uint64_t locked_bytes(allocation const& block) { return page_end(block) - first_page(block); }

}  // namespace

/// What a range of memory is: within one page-locked allocation, within device memory without a gap, or pageable.
resolved world::resolve(void const* at, std::uint64_t bytes) {
  resolved found{.kind = place_kind::pageable, .parts = {}};
  std::uintptr_t const first = number(at);
  std::uintptr_t const last = first + bytes;
  auto each = allocations.upper_bound(first);
  if (each != allocations.begin() && std::prev(each)->second.last() > first) --each;
  std::uintptr_t covered = first;
  for (; each != allocations.end() && each->second.first() < last; ++each) {
    allocation& here = each->second;
    std::uint64_t const from = std::max(first, here.first());
    std::uint64_t const to = std::min(last, here.last());
    if (from != covered) return {};
    covered = to;
    found.kind = here.on_device() ? place_kind::device : place_kind::page_locked;
    found.parts.push_back({.of = &here, .first = from - here.first(), .last = to - here.first()});
    // Several device mappings side by side may be used as one; no other neighbours may.
    bool const alike = here.kind == memory_kind::mapped && found.parts.front().of->kind == memory_kind::mapped &&
                       here.device == found.parts.front().of->device;
    if (found.parts.size() > 1 && !alike) return {};
  }
  if (found.parts.empty()) {
    if (address_space::contains(first) || address_space::contains(last - 1)) return {};
    return found;
  }
  return covered == last ? found : resolved{};
}

stamp world::host_stamp(call what, std::string const* named) {
  return {
      .component = host_component, .tick = host.at(host_component), .what = what, .number = ++numbered, .label = named};
}

void world::touch(part const& where, bool writes, stamp const& who, vector_clock const& clock) {
  std::vector<access_table::clash> clashes;
  where.of->accesses.touch(where.first, where.last, writes, who, clock, clashes);
  for (access_table::clash const& found : clashes) {
    violation("race: " + text_of(who) + (writes ? " writes" : " reads") + " bytes [" + std::to_string(found.first) +
              ", " + std::to_string(found.last) + ") of allocation " + std::to_string(where.of->id) +
              ", and nothing orders " + text_of(found.earlier) + ", which " +
              (found.earlier_wrote ? "writes" : "reads") + " them, before it");
  }
}

allocation* world::find_allocation(void const* base) {
  auto const found = allocations.find(number(base));
  return found == allocations.end() ? nullptr : &found->second;
}

allocation& world::add_allocation(allocation block) {
  block.id = next_allocation++;
  std::uintptr_t const first = block.first();
  return allocations.insert_or_assign(first, std::move(block)).first->second;
}

void world::remove_allocation(allocation& block, call why) {
  touch({.of = &block, .first = 0, .last = block.bytes}, true, host_stamp(why), host);
  allocations.erase(block.first());
}

bool world::still_there(use const& one) const {
  auto const found = allocations.find(one.base);
  return found != allocations.end() && found->second.id == one.id;
}

void world::fill(std::byte* base, std::uint64_t bytes) {
  if (options.poison) std::memset(base, poison_byte, bytes);
}

void world::add_vram(int device, std::uint64_t bytes) {
  std::uint64_t& used = vram_used[static_cast<std::size_t>(device)];
  used += bytes;
  std::uint64_t sum = 0;
  for (std::uint64_t const number : vram_used) sum += number;
  peak_vram = std::max(peak_vram, sum);
  if (sum > vram_limit) {
    violation("budget: " + std::to_string(sum) + " bytes of VRAM, allowed are " + std::to_string(vram_limit));
  }
}

void world::add_page_locked(std::uint64_t bytes) {
  page_locked_used += bytes;
  peak_page_locked = std::max(peak_page_locked, page_locked_used);
  if (page_locked_used > page_locked_limit) {
    violation("budget: " + std::to_string(page_locked_used) + " bytes page-locked, allowed are " +
              std::to_string(page_locked_limit));
  }
}

cudaError_t world::malloc_device(void** base, std::uint64_t bytes, int device) {
  *base = nullptr;
  if (bytes == 0) return cudaSuccess;
  std::uint64_t const used = vram_used[static_cast<std::size_t>(device)];
  if (bytes > options.vram_bytes - used) return cudaErrorMemoryAllocation;
  std::byte* const memory = address_space::take(rounded_up(bytes, page_bytes), allocation_alignment);
  address_space::open(memory, bytes);
  fill(memory, bytes);
  add_allocation({.kind = memory_kind::malloced, .base = memory, .bytes = bytes, .device = device});
  add_vram(device, bytes);
  *base = memory;
  return cudaSuccess;
}

cudaError_t world::free_device(void* base) {
  if (base == nullptr) return cudaSuccess;
  allocation* const gone = find_allocation(base);
  if (gone == nullptr || gone->kind != memory_kind::malloced) {
    violation("cudaFree: not the base of an allocation, or freed already");
    return cudaErrorInvalidValue;
  }
  vram_used[static_cast<std::size_t>(gone->device)] -= gone->bytes;
  remove_allocation(*gone, call::cuda_free);
  address_space::give_back(static_cast<std::byte*>(base));
  return cudaSuccess;
}

cudaError_t world::host_register(void* base, std::uint64_t bytes) {
  if (base == nullptr || bytes == 0) return cudaErrorInvalidValue;
  if (!options.can_register) return cudaErrorNotSupported;
  allocation made{.kind = memory_kind::registered, .base = static_cast<std::byte*>(base), .bytes = bytes};
  for (auto each = allocations.lower_bound(first_page(made)); each != allocations.end(); ++each) {
    if (first_page(each->second) >= page_end(made)) break;
    return each->second.on_device() ? cudaErrorInvalidValue : cudaErrorHostMemoryAlreadyRegistered;
  }
  if (auto before = allocations.lower_bound(first_page(made)); before != allocations.begin()) {
    allocation const& each = std::prev(before)->second;
    if (page_end(each) > first_page(made)) {
      return each.on_device() ? cudaErrorInvalidValue : cudaErrorHostMemoryAlreadyRegistered;
    }
  }
  if (locked_bytes(made) > options.page_locked_bytes_max - page_locked_used) return cudaErrorMemoryAllocation;
  add_page_locked(locked_bytes(add_allocation(std::move(made))));
  return cudaSuccess;
}

cudaError_t world::host_unregister(void* base) {
  allocation* const gone = find_allocation(base);
  if (gone == nullptr || gone->kind != memory_kind::registered) return cudaErrorHostMemoryNotRegistered;
  page_locked_used -= locked_bytes(*gone);
  remove_allocation(*gone, call::cuda_host_unregister);
  return cudaSuccess;
}

cudaError_t world::host_alloc(void** base, std::uint64_t bytes) {
  *base = nullptr;
  if (bytes == 0) return cudaSuccess;
  std::uint64_t const locked = rounded_up(bytes, page_bytes);
  if (locked > options.page_locked_bytes_max - page_locked_used) return cudaErrorMemoryAllocation;
  std::byte* const memory = address_space::take(locked, page_bytes);
  address_space::open(memory, bytes);
  fill(memory, bytes);
  add_page_locked(locked_bytes(add_allocation({.kind = memory_kind::host_alloced, .base = memory, .bytes = bytes})));
  *base = memory;
  return cudaSuccess;
}

cudaError_t world::free_host(void* base) {
  if (base == nullptr) return cudaSuccess;
  allocation* const gone = find_allocation(base);
  if (gone == nullptr || gone->kind != memory_kind::host_alloced) {
    violation("cudaFreeHost: not the base of an allocation, or freed already");
    return cudaErrorInvalidValue;
  }
  page_locked_used -= locked_bytes(*gone);
  remove_allocation(*gone, call::cuda_free_host);
  address_space::give_back(static_cast<std::byte*>(base));
  return cudaSuccess;
}

/// The address space of a world that ends goes to the next.
void world::drop_backing() {
  for (auto const& [base, one] : allocations) {
    if (one.kind == memory_kind::malloced || one.kind == memory_kind::host_alloced) address_space::give_back(one.base);
  }
  for (auto const& [base, one] : reservations) address_space::give_back(one.base);
}

}  // namespace tierpager::cuda_standin
