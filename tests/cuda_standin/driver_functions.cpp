#include <tests/cuda_standin/driver_functions.hpp>

#include <cuda.h>

#include <algorithm>
#include <array>
#include <string_view>

#include <tests/cuda_standin/world.hpp>

namespace tierpager::cuda_standin {
namespace {

/// The driver numbers its errors as the runtime does, and keeps no last error.
template <class Body>
CUresult driver_call(call kind, Body&& body) {
  return static_cast<CUresult>(modelled(kind, false, body, [](world&, world_lock&) {}));
}
template <class Body, class Refused>
CUresult driver_call(call kind, Body&& body, Refused&& refused) {
  return static_cast<CUresult>(modelled(kind, false, body, refused));
}

CUcontext context_of(std::uint64_t handle) { return reinterpret_cast<CUcontext>(handle); }

bool on_a_device(CUmemAllocationProp const* properties) {
  return properties != nullptr && properties->type == CU_MEM_ALLOCATION_TYPE_PINNED &&
         properties->location.type == CU_MEM_LOCATION_TYPE_DEVICE;
}

CUresult device_get(CUdevice* device, int ordinal) {
  return driver_call(call::cu_device_get, [&](world& all, world_lock&) {
    if (!all.device_exists(ordinal)) return cudaErrorInvalidDevice;
    *device = ordinal;
    return cudaSuccess;
  });
}

CUresult device_get_attribute(int* value, CUdevice_attribute attribute, CUdevice device) {
  return driver_call(call::cu_device_get_attribute, [&](world& all, world_lock&) {
    if (!all.device_exists(device)) return cudaErrorInvalidDevice;
    *value = 0;
    if (attribute == CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED) *value = all.options.vmm ? 1 : 0;
    if (attribute == CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING) *value = 1;
    if (attribute == CU_DEVICE_ATTRIBUTE_HOST_REGISTER_SUPPORTED) *value = all.options.can_register ? 1 : 0;
    if (attribute == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR) *value = 9;
    return cudaSuccess;
  });
}

CUresult get_allocation_granularity(std::size_t* granularity, CUmemAllocationProp const* properties,
                                    CUmemAllocationGranularity_flags) {
  return driver_call(call::cu_mem_get_allocation_granularity, [&](world& all, world_lock&) {
    if (!all.options.vmm) return cudaErrorNotSupported;
    if (granularity == nullptr || !on_a_device(properties)) return cudaErrorInvalidValue;
    if (!all.device_exists(properties->location.id)) return cudaErrorInvalidDevice;
    *granularity = all.options.granule_bytes;
    return cudaSuccess;
  });
}

CUresult address_reserve(CUdeviceptr* base, std::size_t bytes, std::size_t alignment, CUdeviceptr,
                         unsigned long long flags) {
  return driver_call(call::cu_mem_address_reserve, [&](world& all, world_lock&) {
    if (!all.options.vmm) return cudaErrorNotSupported;
    if (flags != 0) return cudaErrorInvalidValue;
    std::uint64_t at = 0;
    cudaError_t const result = all.reserve(&at, bytes, alignment);
    if (result == cudaSuccess) *base = at;
    return result;
  });
}

CUresult address_free(CUdeviceptr base, std::size_t bytes) {
  return driver_call(
      call::cu_mem_address_free, [&](world& all, world_lock&) { return all.free_reserved(base, bytes); },
      [&](world& all, world_lock&) {
        auto const kept = all.reservations.find(base);
        if (kept != all.reservations.end()) kept->second.abandoned = true;
      });
}

CUresult create(CUmemGenericAllocationHandle* handle, std::size_t bytes, CUmemAllocationProp const* properties,
                unsigned long long flags) {
  return driver_call(call::cu_mem_create, [&](world& all, world_lock&) {
    if (!all.options.vmm) return cudaErrorNotSupported;
    if (flags != 0 || !on_a_device(properties)) return cudaErrorInvalidValue;
    std::uint64_t made = 0;
    cudaError_t const result = all.create(&made, bytes, properties->location.id);
    if (result == cudaSuccess) *handle = made;
    return result;
  });
}

CUresult release(CUmemGenericAllocationHandle handle) {
  return driver_call(
      call::cu_mem_release, [&](world& all, world_lock&) { return all.release(handle); },
      [&](world& all, world_lock&) {
        auto const kept = all.handles.find(handle);
        if (kept != all.handles.end()) kept->second.abandoned = true;
      });
}

CUresult map(CUdeviceptr base, std::size_t bytes, std::size_t offset, CUmemGenericAllocationHandle handle,
             unsigned long long flags) {
  return driver_call(call::cu_mem_map, [&](world& all, world_lock&) {
    return flags != 0 ? cudaErrorInvalidValue : all.map(base, bytes, offset, handle);
  });
}

CUresult unmap(CUdeviceptr base, std::size_t bytes) {
  return driver_call(
      call::cu_mem_unmap, [&](world& all, world_lock&) { return all.unmap(base, bytes); },
      [&](world& all, world_lock&) {
        for (allocation* const kept : all.mappings_of(base, bytes)) {
          kept->abandoned = true;
          all.handles.at(kept->handle).abandoned |= all.handles.at(kept->handle).released;
        }
      });
}

CUresult set_access(CUdeviceptr base, std::size_t bytes, CUmemAccessDesc const* access, std::size_t count) {
  return driver_call(call::cu_mem_set_access, [&](world& all, world_lock&) {
    for (std::size_t i = 0; i != count; ++i) {
      if (access[i].location.type != CU_MEM_LOCATION_TYPE_DEVICE) return cudaErrorInvalidValue;
      bool const readable = access[i].flags != CU_MEM_ACCESS_FLAGS_PROT_NONE;
      bool const writable = access[i].flags == CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
      cudaError_t const result = all.set_access(base, bytes, access[i].location.id, readable, writable);
      if (result != cudaSuccess) return result;
    }
    return count == 0 ? cudaErrorInvalidValue : cudaSuccess;
  });
}

CUresult primary_ctx_retain(CUcontext* context, CUdevice device) {
  return driver_call(call::cu_device_primary_ctx_retain, [&](world& all, world_lock&) {
    std::uint64_t handle = 0;
    cudaError_t const result = all.retain_primary(&handle, device);
    if (result == cudaSuccess) *context = context_of(handle);
    return result;
  });
}

CUresult primary_ctx_release(CUdevice device) {
  return driver_call(
      call::cu_device_primary_ctx_release, [&](world& all, world_lock&) { return all.release_primary(device); },
      [&](world& all, world_lock&) {
        if (all.device_exists(device)) ++all.contexts[static_cast<std::size_t>(device)].abandoned;
      });
}

CUresult primary_ctx_get_state(CUdevice device, unsigned* flags, int* active) {
  return driver_call(call::cu_device_primary_ctx_get_state, [&](world& all, world_lock&) {
    if (!all.device_exists(device)) return cudaErrorInvalidDevice;
    *flags = 0;
    *active = all.contexts[static_cast<std::size_t>(device)].exists ? 1 : 0;
    return cudaSuccess;
  });
}

/// As it was until CUDA 11.4, which is what a caller that asks for that version gets.
CUresult ctx_create(CUcontext* context, unsigned, CUdevice device) {
  return driver_call(call::cu_ctx_create, [&](world& all, world_lock&) {
    if (!all.device_exists(device)) return cudaErrorInvalidDevice;
    std::uint64_t const handle = all.make_own_context(device);
    *context = context_of(handle);
    return all.push_context(handle);
  });
}

CUresult ctx_get_current(CUcontext* context) {
  return driver_call(call::cu_ctx_get_current, [&](world& all, world_lock&) {
    *context = context_of(world::handle_of_context(all.current_context()));
    return cudaSuccess;
  });
}

CUresult ctx_push_current(CUcontext context) {
  return driver_call(call::cu_ctx_push_current, [&](world& all, world_lock&) {
    return all.push_context(reinterpret_cast<std::uintptr_t>(context));
  });
}

/// A thread that is left in it goes on using it: then it stays for good.
CUresult ctx_pop_current(CUcontext* context) {
  return driver_call(
      call::cu_ctx_pop_current,
      [&](world& all, world_lock&) {
        std::uint64_t handle = 0;
        cudaError_t const result = all.pop_context(&handle);
        if (context != nullptr) *context = context_of(handle);
        return result;
      },
      [](world& all, world_lock&) {
        if (std::size_t const left_in = all.current_context(); left_in != none)
          all.contexts[left_in].used_by_runtime = true;
      });
}

CUresult stream_get_ctx(CUstream stream, CUcontext* context) {
  return driver_call(call::cu_stream_get_ctx, [&](world& all, world_lock&) {
    std::size_t const asked = all.stream_of(stream, call::cu_stream_get_ctx);
    if (asked == none) return cudaErrorInvalidResourceHandle;
    if (all.streams[asked].capture != none) {
      all.violation("cuStreamGetCtx is asked about a stream that captures, which CUDA leaves open");
      return cudaErrorStreamCaptureUnsupported;
    }
    *context = context_of(world::handle_of_context(all.streams[asked].context));
    return cudaSuccess;
  });
}

struct entry {
  std::string_view name;
  driver_function function;
};

template <class Function>
entry named(std::string_view name, Function* function, int since) {
  return {.name = name, .function = {.address = reinterpret_cast<void*>(function), .since = since}};
}

}  // namespace

driver_function driver_function_named(char const* name) {
  constexpr int vmm_since = 10020;
  static std::array<entry, 18> const entries{
      named<decltype(cuDeviceGet)>("cuDeviceGet", device_get, 2000),
      named<decltype(cuDeviceGetAttribute)>("cuDeviceGetAttribute", device_get_attribute, 2000),
      named<CUresult(CUcontext*, CUdevice)>("cuDevicePrimaryCtxRetain", primary_ctx_retain, 7000),
      named<CUresult(CUdevice)>("cuDevicePrimaryCtxRelease", primary_ctx_release, 7000),
      named<CUresult(CUdevice, unsigned*, int*)>("cuDevicePrimaryCtxGetState", primary_ctx_get_state, 7000),
      named<CUresult(CUcontext*, unsigned, CUdevice)>("cuCtxCreate", ctx_create, 3020),
      named<CUresult(CUcontext*)>("cuCtxGetCurrent", ctx_get_current, 4000),
      named<CUresult(CUcontext)>("cuCtxPushCurrent", ctx_push_current, 4000),
      named<CUresult(CUcontext*)>("cuCtxPopCurrent", ctx_pop_current, 4000),
      named<CUresult(CUstream, CUcontext*)>("cuStreamGetCtx", stream_get_ctx, 9020),
      named<decltype(cuMemGetAllocationGranularity)>("cuMemGetAllocationGranularity", get_allocation_granularity,
                                                     vmm_since),
      named<decltype(cuMemAddressReserve)>("cuMemAddressReserve", address_reserve, vmm_since),
      named<decltype(cuMemAddressFree)>("cuMemAddressFree", address_free, vmm_since),
      named<decltype(cuMemCreate)>("cuMemCreate", create, vmm_since),
      named<decltype(cuMemRelease)>("cuMemRelease", release, vmm_since),
      named<decltype(cuMemMap)>("cuMemMap", map, vmm_since),
      named<decltype(cuMemUnmap)>("cuMemUnmap", unmap, vmm_since),
      named<decltype(cuMemSetAccess)>("cuMemSetAccess", set_access, vmm_since),
  };
  auto const found = std::find_if(entries.begin(), entries.end(),
                                  [name](entry const& each) { return name != nullptr && each.name == name; });
  return found == entries.end() ? driver_function{} : found->function;
}

}  // namespace tierpager::cuda_standin
