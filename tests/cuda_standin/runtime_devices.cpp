// The runtime's entry points: devices, versions, errors, the driver's functions.
#include <cstring>

#include <tests/cuda_standin/driver_functions.hpp>
#include <tests/cuda_standin/world.hpp>

using namespace tierpager::cuda_standin;

namespace {

int attribute(world const& all, cudaDeviceAttr which) {
  switch (which) {
    case cudaDevAttrMultiProcessorCount: return 16;
    case cudaDevAttrAsyncEngineCount: return 2;
    case cudaDevAttrCanMapHostMemory:
    case cudaDevAttrUnifiedAddressing: return 1;
    case cudaDevAttrComputeCapabilityMajor: return 9;
    case cudaDevAttrCanUseHostPointerForRegisteredMem:
    case cudaDevAttrHostRegisterSupported: return all.options.can_register ? 1 : 0;
    default: return 0;
  }
}

/// What the last error is beyond the thread's own: without a device, errors that stay.
cudaError_t lasting_error(world const& all) {
  if (all.options.driver_version == 0) return cudaErrorInsufficientDriver;
  return all.options.devices == 0 ? cudaErrorNoDevice : cudaSuccess;
}

}  // namespace

extern "C" {

cudaError_t cudaGetDeviceCount(int* count) {
  return runtime_call(call::cuda_get_device_count, [&](world& all, world_lock&) {
    *count = all.options.devices;
    return cudaSuccess;
  });
}

cudaError_t cudaGetDevice(int* device) {
  return runtime_call(call::cuda_get_device, [&](world& all, world_lock&) {
    *device = all.acting_device();
    return cudaSuccess;
  });
}

cudaError_t cudaSetDevice(int device) {
  return runtime_call(call::cuda_set_device, [&](world& all, world_lock&) { return all.set_device(device); });
}

cudaError_t cudaDriverGetVersion(int* version) {
  return runtime_call(call::cuda_driver_get_version, [&](world& all, world_lock&) {
    *version = all.options.driver_version;
    return cudaSuccess;
  });
}

cudaError_t cudaRuntimeGetVersion(int* version) {
  return runtime_call(call::cuda_runtime_get_version, [&](world&, world_lock&) {
    *version = CUDART_VERSION;
    return cudaSuccess;
  });
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr which, int device) {
  return runtime_call(call::cuda_device_get_attribute, [&](world& all, world_lock&) {
    if (!all.device_exists(device)) return cudaErrorInvalidDevice;
    *value = attribute(all, which);
    return cudaSuccess;
  });
}

cudaError_t cudaMemGetInfo(std::size_t* free_bytes, std::size_t* total_bytes) {
  return runtime_call(call::cuda_mem_get_info, [&](world& all, world_lock&) {
    *total_bytes = all.options.vram_bytes;
    *free_bytes = all.options.vram_bytes - all.vram_used[static_cast<std::size_t>(all.acting_device())];
    return cudaSuccess;
  });
}

cudaError_t cudaGetLastError() {
  cudaError_t last = cudaSuccess;
  runtime_call(call::cuda_get_last_error, [&](world& all, world_lock&) {
    cudaError_t const stays = lasting_error(all);
    last = stays != cudaSuccess ? stays : all.self().last_error;
    all.self().last_error = cudaSuccess;
    return cudaSuccess;
  });
  return last;
}

cudaError_t cudaPeekAtLastError() {
  cudaError_t last = cudaSuccess;
  runtime_call(call::cuda_peek_at_last_error, [&](world& all, world_lock&) {
    cudaError_t const stays = lasting_error(all);
    last = stays != cudaSuccess ? stays : all.self().last_error;
    return cudaSuccess;
  });
  return last;
}

cudaError_t cudaGetDriverEntryPointByVersion(char const* symbol, void** function, unsigned int cuda_version,
                                             unsigned long long flags, cudaDriverEntryPointQueryResult* status) {
  return runtime_call(call::cuda_get_driver_entry_point_by_version, [&](world& all, world_lock&) {
    driver_function const found = driver_function_named(symbol);
    int const wanted = static_cast<int>(cuda_version);
    if (flags > cudaEnablePerThreadDefaultStream || wanted > all.options.driver_version) return cudaErrorInvalidValue;
    auto result = cudaDriverEntryPointSuccess;
    if (found.address == nullptr) {
      result = cudaDriverEntryPointSymbolNotFound;
    } else if (wanted < found.since || all.options.driver_version < found.since) {
      result = cudaDriverEntryPointVersionNotSufficent;
    }
    *function = result == cudaDriverEntryPointSuccess ? found.address : nullptr;
    if (status != nullptr) *status = result;
    return cudaSuccess;
  });
}

}  // extern "C"
