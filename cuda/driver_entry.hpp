// The driver calls of contexts and of virtual memory management, looked up through the runtime so that nothing links the
// driver. Looked up when a device is opened, which creates no context; plain values afterwards, any thread.
#pragma once

#include <optional>

#include <cuda/cuda_check.hpp>

namespace tierpager {

struct context_calls {
  decltype(&cuDeviceGet) device_get = nullptr;
  decltype(&cuDevicePrimaryCtxRetain) retain = nullptr;
  decltype(&cuDevicePrimaryCtxRelease) release = nullptr;
  decltype(&cuCtxGetCurrent) get_current = nullptr;
  decltype(&cuCtxPushCurrent) push = nullptr;
  decltype(&cuCtxPopCurrent) pop = nullptr;
  decltype(&cuStreamGetCtx) of_stream = nullptr;
};

result<context_calls> find_context_calls(device_state& state);

struct driver_calls {
  decltype(&cuDeviceGet) device_get = nullptr;
  decltype(&cuDeviceGetAttribute) device_get_attribute = nullptr;
  decltype(&cuMemGetAllocationGranularity) get_granularity = nullptr;
  decltype(&cuMemAddressReserve) address_reserve = nullptr;
  decltype(&cuMemAddressFree) address_free = nullptr;
  decltype(&cuMemCreate) create = nullptr;
  decltype(&cuMemRelease) release = nullptr;
  decltype(&cuMemMap) map = nullptr;
  decltype(&cuMemUnmap) unmap = nullptr;
  decltype(&cuMemSetAccess) set_access = nullptr;
};

/// What is needed to map memory on one device.
struct virtual_memory {
  driver_calls calls;
  CUmemAllocationProp properties = {};
  std::uint64_t granularity_bytes = 0;
};

/// None where the driver or the device has no virtual memory management. The device must be current.
result<std::optional<virtual_memory>> find_virtual_memory(device_state& state);

}  // namespace tierpager
