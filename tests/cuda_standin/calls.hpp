// The calls that the stand-in models, and no others: the CUDA backend's, and a few that tests make. Any thread; pure
// data. What the calls do is the world's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tierpager::cuda_standin {

// Name here, name there, and whether a fault plan counts it among the calls that may fail. Those that ask a context, and do
// nothing else, fail where it is dead.
#define TIERPAGER_CUDA_CALLS(X)                                                             \
  X(cuda_get_device_count, "cudaGetDeviceCount", true)                                      \
  X(cuda_get_device, "cudaGetDevice", true)                                                 \
  X(cuda_set_device, "cudaSetDevice", true)                                                 \
  X(cuda_driver_get_version, "cudaDriverGetVersion", true)                                  \
  X(cuda_runtime_get_version, "cudaRuntimeGetVersion", true)                                \
  X(cuda_device_get_attribute, "cudaDeviceGetAttribute", true)                              \
  X(cuda_mem_get_info, "cudaMemGetInfo", true)                                              \
  X(cuda_stream_create_with_flags, "cudaStreamCreateWithFlags", true)                       \
  X(cuda_stream_destroy, "cudaStreamDestroy", true)                                         \
  X(cuda_stream_get_id, "cudaStreamGetId", true)                                            \
  X(cuda_stream_is_capturing, "cudaStreamIsCapturing", true)                                \
  X(cuda_stream_wait_event, "cudaStreamWaitEvent", true)                                    \
  X(cuda_stream_synchronize, "cudaStreamSynchronize", true)                                 \
  X(cuda_stream_query, "cudaStreamQuery", false)                                            \
  X(cuda_event_create_with_flags, "cudaEventCreateWithFlags", true)                         \
  X(cuda_event_destroy, "cudaEventDestroy", true)                                           \
  X(cuda_event_record, "cudaEventRecord", true)                                             \
  X(cuda_event_query, "cudaEventQuery", true)                                               \
  X(cuda_memcpy_async, "cudaMemcpyAsync", true)                                             \
  X(cuda_host_register, "cudaHostRegister", true)                                           \
  X(cuda_host_unregister, "cudaHostUnregister", true)                                       \
  X(cuda_host_alloc, "cudaHostAlloc", true)                                                 \
  X(cuda_free_host, "cudaFreeHost", true)                                                   \
  X(cuda_malloc, "cudaMalloc", true)                                                        \
  X(cuda_free, "cudaFree", true)                                                            \
  X(cuda_get_last_error, "cudaGetLastError", false)                                         \
  X(cuda_peek_at_last_error, "cudaPeekAtLastError", false)                                  \
  X(cuda_get_error_name, "cudaGetErrorName", false)                                         \
  X(cuda_get_error_string, "cudaGetErrorString", false)                                     \
  X(cuda_thread_exchange_stream_capture_mode, "cudaThreadExchangeStreamCaptureMode", false) \
  X(cuda_get_driver_entry_point_by_version, "cudaGetDriverEntryPointByVersion", true)       \
  X(cu_mem_get_allocation_granularity, "cuMemGetAllocationGranularity", true)               \
  X(cu_mem_address_reserve, "cuMemAddressReserve", true)                                    \
  X(cu_mem_address_free, "cuMemAddressFree", true)                                          \
  X(cu_mem_create, "cuMemCreate", true)                                                     \
  X(cu_mem_release, "cuMemRelease", true)                                                   \
  X(cu_mem_map, "cuMemMap", true)                                                           \
  X(cu_mem_unmap, "cuMemUnmap", true)                                                       \
  X(cu_mem_set_access, "cuMemSetAccess", true)                                              \
  X(cu_device_get, "cuDeviceGet", true)                                                     \
  X(cu_device_get_attribute, "cuDeviceGetAttribute", true)                                  \
  X(cu_device_primary_ctx_retain, "cuDevicePrimaryCtxRetain", true)                         \
  X(cu_device_primary_ctx_release, "cuDevicePrimaryCtxRelease", true)                       \
  X(cu_device_primary_ctx_get_state, "cuDevicePrimaryCtxGetState", false)                   \
  X(cu_ctx_create, "cuCtxCreate", false)                                                    \
  X(cu_ctx_get_current, "cuCtxGetCurrent", true)                                            \
  X(cu_ctx_push_current, "cuCtxPushCurrent", true)                                          \
  X(cu_ctx_pop_current, "cuCtxPopCurrent", true)                                            \
  X(cu_stream_get_ctx, "cuStreamGetCtx", true)                                              \
  X(launch, "launch", false)                                                                \
  X(cuda_launch_host_func, "cudaLaunchHostFunc", false)                                     \
  X(cuda_stream_begin_capture, "cudaStreamBeginCapture", false)                             \
  X(cuda_stream_end_capture, "cudaStreamEndCapture", false)                                 \
  X(cuda_graph_destroy, "cudaGraphDestroy", false)

#define TIERPAGER_CUDA_CALL_ENUMERATOR(name, spelling, may_fail) name,
enum class call : std::uint8_t { TIERPAGER_CUDA_CALLS(TIERPAGER_CUDA_CALL_ENUMERATOR) count_ };
#undef TIERPAGER_CUDA_CALL_ENUMERATOR

inline constexpr std::size_t call_kinds = static_cast<std::size_t>(call::count_);

/// As CUDA spells it.
std::string_view name_of(call kind);
std::optional<call> call_named(std::string_view name);
/// A fault plan for calls of any kind counts this one.
bool fallible(call kind);

}  // namespace tierpager::cuda_standin
