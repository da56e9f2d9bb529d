// Virtual memory management: address space, physical memory, and which lies where.
#include <cstring>

#include <tests/cuda_standin/address_space.hpp>
#include <tests/cuda_standin/world.hpp>

namespace tierpager::cuda_standin {
namespace {

// Runtime and driver give these errors the same numbers.
constexpr cudaError_t out_of_memory = cudaErrorMemoryAllocation;
constexpr cudaError_t invalid_value = cudaErrorInvalidValue;

std::byte* pointer(std::uint64_t address) { return reinterpret_cast<std::byte*>(address); }

}  // namespace

cudaError_t world::reserve(std::uint64_t* base, std::uint64_t bytes, std::uint64_t alignment) {
  bool const power_of_two = (alignment & (alignment - 1)) == 0;
  if (bytes == 0 || bytes % options.granule_bytes != 0 || !power_of_two) return invalid_value;
  if (bytes > options.reservation_bytes_max) return out_of_memory;
  std::byte* const space = address_space::take(bytes, std::max(alignment, options.granule_bytes));
  *base = reinterpret_cast<std::uintptr_t>(space);
  reservations[*base] = {.base = space, .bytes = bytes};
  return cudaSuccess;
}

cudaError_t world::free_reserved(std::uint64_t base, std::uint64_t bytes) {
  auto const found = reservations.find(base);
  if (found == reservations.end() || found->second.bytes != bytes) return invalid_value;
  auto const mapped = allocations.lower_bound(base);
  if (mapped != allocations.end() && mapped->first < base + bytes) return invalid_value;
  address_space::give_back(found->second.base);
  reservations.erase(found);
  return cudaSuccess;
}

cudaError_t world::create(std::uint64_t* handle, std::uint64_t bytes, int device) {
  if (bytes == 0 || bytes % options.granule_bytes != 0) return invalid_value;
  if (!device_exists(device)) return cudaErrorInvalidDevice;
  if (bytes > options.vram_bytes - vram_used[static_cast<std::size_t>(device)]) return out_of_memory;
  *handle = next_handle++;
  handles[*handle] = {.bytes = bytes, .device = device, .content = {}};
  add_vram(device, bytes);
  return cudaSuccess;
}

void world::drop_if_unused(std::uint64_t handle) {
  auto const found = handles.find(handle);
  if (!found->second.released || found->second.mapped) return;
  vram_used[static_cast<std::size_t>(found->second.device)] -= found->second.bytes;
  handles.erase(found);
}

cudaError_t world::release(std::uint64_t handle) {
  auto const found = handles.find(handle);
  if (found == handles.end() || found->second.released) {
    violation("cuMemRelease: the handle is released or never was one");
    return invalid_value;
  }
  found->second.released = true;
  drop_if_unused(handle);
  return cudaSuccess;
}

cudaError_t world::map(std::uint64_t base, std::uint64_t bytes, std::uint64_t offset, std::uint64_t handle) {
  auto const found = handles.find(handle);
  if (found == handles.end() || found->second.released) {
    violation("cuMemMap: the handle is released or never was one");
    return invalid_value;
  }
  physical& memory = found->second;
  if (offset != 0 || bytes != memory.bytes || base % options.granule_bytes != 0 || memory.mapped) return invalid_value;
  auto around = reservations.upper_bound(base);
  if (around == reservations.begin()) return invalid_value;
  --around;
  if (base + bytes > around->first + around->second.bytes) return invalid_value;
  auto const behind = allocations.lower_bound(base);  // no neighbour may reach in
  if (behind != allocations.end() && behind->first < base + bytes) return invalid_value;
  if (behind != allocations.begin() && std::prev(behind)->second.last() > base) return invalid_value;
  add_allocation({.kind = memory_kind::mapped,
                  .base = pointer(base),
                  .bytes = bytes,
                  .device = memory.device,
                  .readable = false,
                  .writable = false,
                  .handle = handle});
  memory.mapped = true;
  address_space::open(pointer(base), bytes);
  if (memory.content.empty()) {
    fill(pointer(base), bytes);
  } else {
    std::memcpy(pointer(base), memory.content.data(), bytes);
    memory.content.clear();
  }
  return cudaSuccess;
}

std::vector<allocation*> world::mappings_of(std::uint64_t base, std::uint64_t bytes) {
  std::vector<allocation*> found;
  std::uint64_t covered = base;
  for (auto each = allocations.find(base); each != allocations.end() && covered < base + bytes; ++each) {
    if (each->first != covered || each->second.kind != memory_kind::mapped) return {};
    found.push_back(&each->second);
    covered = each->second.last();
  }
  return covered == base + bytes ? found : std::vector<allocation*>();
}

cudaError_t world::unmap(std::uint64_t base, std::uint64_t bytes) {
  std::vector<allocation*> const gone = mappings_of(base, bytes);
  if (gone.empty()) return invalid_value;
  for (allocation* const block : gone) {
    std::uint64_t const handle = block->handle;
    physical& memory = handles.at(handle);
    if (!memory.released) memory.content.assign(block->base, block->base + block->bytes);
    memory.mapped = false;
    address_space::close(block->base, block->bytes);
    remove_allocation(*block, call::cu_mem_unmap);
    drop_if_unused(handle);
  }
  return cudaSuccess;
}

cudaError_t world::set_access(std::uint64_t base, std::uint64_t bytes, int device, bool readable, bool writable) {
  std::vector<allocation*> const these = mappings_of(base, bytes);
  if (these.empty() || !device_exists(device)) return invalid_value;
  for (allocation* const block : these) {
    if (block->device != device) continue;  // access by a peer is not modelled
    block->readable = readable;
    block->writable = writable;
  }
  return cudaSuccess;
}

}  // namespace tierpager::cuda_standin
