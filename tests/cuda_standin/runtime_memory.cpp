// The runtime's entry points: device memory and page-locked memory.
#include <tests/cuda_standin/world.hpp>

using namespace tierpager::cuda_standin;

namespace {

/// A call that frees and fails leaves the memory, but who made it has done what it could.
template <class Body>
cudaError_t freeing_call(call kind, void* base, Body&& body) {
  return modelled(kind, true, body, [base](world& all, world_lock&) {
    if (allocation* const kept = all.find_allocation(base)) kept->abandoned = true;
  });
}

}  // namespace

extern "C" {

cudaError_t cudaMalloc(void** base, std::size_t bytes) {
  return runtime_call(call::cuda_malloc,
                      [&](world& all, world_lock&) { return all.malloc_device(base, bytes, all.acting_device()); });
}

cudaError_t cudaFree(void* base) {
  return freeing_call(call::cuda_free, base, [&](world& all, world_lock&) { return all.free_device(base); });
}

cudaError_t cudaHostRegister(void* base, std::size_t bytes, unsigned int) {
  return runtime_call(call::cuda_host_register,
                      [&](world& all, world_lock&) { return all.host_register(base, bytes); });
}

cudaError_t cudaHostUnregister(void* base) {
  return freeing_call(call::cuda_host_unregister, base,
                      [&](world& all, world_lock&) { return all.host_unregister(base); });
}

cudaError_t cudaHostAlloc(void** base, std::size_t bytes, unsigned int) {
  return runtime_call(call::cuda_host_alloc, [&](world& all, world_lock&) { return all.host_alloc(base, bytes); });
}

cudaError_t cudaFreeHost(void* base) {
  return freeing_call(call::cuda_free_host, base, [&](world& all, world_lock&) { return all.free_host(base); });
}

}  // extern "C"
