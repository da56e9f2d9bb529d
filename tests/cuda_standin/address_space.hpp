// Where the stand-in's memory lies: blocks of address space for device memory and page-locked allocations, used again
// by later worlds, so that a fresh world costs no system calls. Any thread. Knows nothing of what the blocks are for.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tierpager::cuda_standin::address_space {

/// Never fails but by ending the program. Under AddressSanitizer the block may not be touched until opened.
std::byte* take(std::uint64_t bytes, std::uint64_t alignment);
void give_back(std::byte* block);
/// Whether that byte belongs to a block, taken or given back.
bool contains(std::uintptr_t address);

void open(std::byte* base, std::uint64_t bytes);
void close(std::byte* base, std::uint64_t bytes);

}  // namespace tierpager::cuda_standin::address_space
