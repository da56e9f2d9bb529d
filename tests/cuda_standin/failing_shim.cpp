// Preloaded over a shared CUDA runtime, the real one or the stand-in: passes every call on, but makes those fail that
// TIERPAGER_STANDIN_FAIL names. A failing call is not passed on; every other failing copy is, as CUDA leaves open.
#include <cuda.h>
#include <cuda_runtime_api.h>
#include <dlfcn.h>

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <string_view>
#include <utility>

#include <tests/cuda_standin/fault_plan.hpp>

namespace tierpager::cuda_standin {
namespace {

struct shim {
  std::mutex mutex;
  fault_counter faults;
  std::atomic<cudaError_t> dead = cudaSuccess;

  shim() {
    faults.set(fault_from_environment());
    unsetenv("TIERPAGER_STANDIN_FAIL");  // a stand-in below must not fail calls too
  }
};

shim& the_shim() {
  static auto* const found = new shim;
  return *found;
}

__attribute__((constructor)) void read_the_plan() { the_shim(); }

cudaError_t& last_error() {
  thread_local cudaError_t error = cudaSuccess;
  return error;
}

/// What the call fails with, if the plan has it fail.
cudaError_t decide(call kind) {
  shim& all = the_shim();
  std::lock_guard const lock(all.mutex);
  auto const [code, kills] = all.faults.next(kind);
  if (all.dead != cudaSuccess) return all.dead;
  if (kills) all.dead = code;
  return code;
}

template <call Kind, class Function>
Function* next() {
  static auto* const found = reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name_of(Kind).data()));
  if (found == nullptr) std::abort();
  return found;
}

template <call Kind, class Function, class... Arguments>
cudaError_t through(Arguments... arguments) {
  cudaError_t const failed = decide(Kind);
  if (failed == cudaSuccess) return next<Kind, Function>()(arguments...);
  static bool carried_out = false;
  if (Kind == call::cuda_memcpy_async) {
    std::lock_guard const lock(the_shim().mutex);
    carried_out = !carried_out;
    if (carried_out) next<Kind, Function>()(arguments...);
  }
  last_error() = failed;
  return failed;
}

/// A driver function, which has no name to be preloaded by: handed out in place of the real one.
template <call Kind, class Function>
struct driver;
template <call Kind, class... Arguments>
struct driver<Kind, CUresult(Arguments...)> {
  static inline std::atomic<CUresult (*)(Arguments...)> real = nullptr;
  static CUresult through(Arguments... arguments) {
    cudaError_t const failed = decide(Kind);
    return failed == cudaSuccess ? real.load()(arguments...) : static_cast<CUresult>(failed);
  }
  static void* in_place_of(void* function) {
    real = reinterpret_cast<CUresult (*)(Arguments...)>(function);
    return reinterpret_cast<void*>(&through);
  }
};

void* shimmed(std::string_view name, void* function) {
  if (function == nullptr) return nullptr;
#define TIERPAGER_SHIM_DRIVER(kind, spelled) \
  if (name == #spelled) return driver<call::kind, decltype(spelled)>::in_place_of(function);
  TIERPAGER_SHIM_DRIVER(cu_device_get, cuDeviceGet)
  TIERPAGER_SHIM_DRIVER(cu_device_get_attribute, cuDeviceGetAttribute)
  TIERPAGER_SHIM_DRIVER(cu_device_primary_ctx_retain, cuDevicePrimaryCtxRetain)
  TIERPAGER_SHIM_DRIVER(cu_device_primary_ctx_release, cuDevicePrimaryCtxRelease)
  TIERPAGER_SHIM_DRIVER(cu_ctx_get_current, cuCtxGetCurrent)
  TIERPAGER_SHIM_DRIVER(cu_ctx_push_current, cuCtxPushCurrent)
  TIERPAGER_SHIM_DRIVER(cu_ctx_pop_current, cuCtxPopCurrent)
  TIERPAGER_SHIM_DRIVER(cu_stream_get_ctx, cuStreamGetCtx)
  TIERPAGER_SHIM_DRIVER(cu_mem_get_allocation_granularity, cuMemGetAllocationGranularity)
  TIERPAGER_SHIM_DRIVER(cu_mem_address_reserve, cuMemAddressReserve)
  TIERPAGER_SHIM_DRIVER(cu_mem_address_free, cuMemAddressFree)
  TIERPAGER_SHIM_DRIVER(cu_mem_create, cuMemCreate)
  TIERPAGER_SHIM_DRIVER(cu_mem_release, cuMemRelease)
  TIERPAGER_SHIM_DRIVER(cu_mem_map, cuMemMap)
  TIERPAGER_SHIM_DRIVER(cu_mem_unmap, cuMemUnmap)
  TIERPAGER_SHIM_DRIVER(cu_mem_set_access, cuMemSetAccess)
#undef TIERPAGER_SHIM_DRIVER
  return function;
}

}  // namespace
}  // namespace tierpager::cuda_standin

using namespace tierpager::cuda_standin;

// A function of the runtime: its kind, its name, its parameters and their names.
#define TIERPAGER_SHIM(kind, spelled, parameters, ...) \
  cudaError_t spelled parameters { return through<call::kind, decltype(spelled)>(__VA_ARGS__); }

extern "C" {

TIERPAGER_SHIM(cuda_get_device_count, cudaGetDeviceCount, (int* count), count)
TIERPAGER_SHIM(cuda_get_device, cudaGetDevice, (int* device), device)
TIERPAGER_SHIM(cuda_set_device, cudaSetDevice, (int device), device)
TIERPAGER_SHIM(cuda_driver_get_version, cudaDriverGetVersion, (int* version), version)
TIERPAGER_SHIM(cuda_runtime_get_version, cudaRuntimeGetVersion, (int* version), version)
TIERPAGER_SHIM(cuda_device_get_attribute, cudaDeviceGetAttribute, (int* value, cudaDeviceAttr which, int device), value,
               which, device)
TIERPAGER_SHIM(cuda_mem_get_info, cudaMemGetInfo, (std::size_t * free, std::size_t* total), free, total)
TIERPAGER_SHIM(cuda_stream_create_with_flags, cudaStreamCreateWithFlags, (cudaStream_t * stream, unsigned flags),
               stream, flags)
TIERPAGER_SHIM(cuda_stream_destroy, cudaStreamDestroy, (cudaStream_t stream), stream)
TIERPAGER_SHIM(cuda_stream_get_id, cudaStreamGetId, (cudaStream_t stream, unsigned long long* id), stream, id)
TIERPAGER_SHIM(cuda_stream_is_capturing, cudaStreamIsCapturing, (cudaStream_t stream, cudaStreamCaptureStatus* status),
               stream, status)
TIERPAGER_SHIM(cuda_stream_wait_event, cudaStreamWaitEvent, (cudaStream_t stream, cudaEvent_t event, unsigned flags),
               stream, event, flags)
TIERPAGER_SHIM(cuda_stream_synchronize, cudaStreamSynchronize, (cudaStream_t stream), stream)
TIERPAGER_SHIM(cuda_stream_query, cudaStreamQuery, (cudaStream_t stream), stream)
TIERPAGER_SHIM(cuda_event_create_with_flags, cudaEventCreateWithFlags, (cudaEvent_t * event, unsigned flags), event,
               flags)
TIERPAGER_SHIM(cuda_event_destroy, cudaEventDestroy, (cudaEvent_t event), event)
TIERPAGER_SHIM(cuda_event_record, cudaEventRecord, (cudaEvent_t event, cudaStream_t stream), event, stream)
TIERPAGER_SHIM(cuda_event_query, cudaEventQuery, (cudaEvent_t event), event)
TIERPAGER_SHIM(cuda_memcpy_async, cudaMemcpyAsync,
               (void* target, void const* source, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t stream), target,
               source, bytes, kind, stream)
TIERPAGER_SHIM(cuda_host_register, cudaHostRegister, (void* base, std::size_t bytes, unsigned flags), base, bytes,
               flags)
TIERPAGER_SHIM(cuda_host_unregister, cudaHostUnregister, (void* base), base)
TIERPAGER_SHIM(cuda_host_alloc, cudaHostAlloc, (void** base, std::size_t bytes, unsigned flags), base, bytes, flags)
TIERPAGER_SHIM(cuda_free_host, cudaFreeHost, (void* base), base)
TIERPAGER_SHIM(cuda_malloc, cudaMalloc, (void** base, std::size_t bytes), base, bytes)
TIERPAGER_SHIM(cuda_free, cudaFree, (void* base), base)
TIERPAGER_SHIM(cuda_thread_exchange_stream_capture_mode, cudaThreadExchangeStreamCaptureMode,
               (cudaStreamCaptureMode * mode), mode)

cudaError_t cudaGetDriverEntryPointByVersion(char const* symbol, void** function, unsigned version,
                                             unsigned long long flags, cudaDriverEntryPointQueryResult* status) {
  constexpr call kind = call::cuda_get_driver_entry_point_by_version;
  cudaError_t const result =
      through<kind, decltype(cudaGetDriverEntryPointByVersion)>(symbol, function, version, flags, status);
  if (result == cudaSuccess) *function = shimmed(symbol, *function);
  return result;
}

cudaError_t cudaGetLastError() {
  cudaError_t const below = next<call::cuda_get_last_error, decltype(cudaGetLastError)>()();
  cudaError_t const own = std::exchange(last_error(), cudaSuccess);
  return own != cudaSuccess ? own : below;
}

cudaError_t cudaPeekAtLastError() {
  cudaError_t const below = next<call::cuda_peek_at_last_error, decltype(cudaPeekAtLastError)>()();
  return last_error() != cudaSuccess ? last_error() : below;
}

}  // extern "C"
