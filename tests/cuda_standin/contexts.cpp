// Contexts: which exist, which is current on a thread, and what each call needs of one.
#include <algorithm>

#include <tests/cuda_standin/world.hpp>

namespace tierpager::cuda_standin {
namespace {

constexpr std::uintptr_t first_handle = 0x5c0000000000;
constexpr std::uintptr_t handle_distance = 64;

enum class need : std::uint8_t {
  nothing,
  current_one,  // the driver: fails where none is current
  any           // the runtime: creates the primary one of the thread's device where none is current
};

need need_of(call kind) {
  switch (kind) {
    case call::cuda_get_device_count:
    case call::cuda_get_device:
    case call::cuda_set_device:
    case call::cuda_driver_get_version:
    case call::cuda_runtime_get_version:
    case call::cuda_device_get_attribute:
    case call::cuda_get_last_error:
    case call::cuda_peek_at_last_error:
    case call::cuda_get_error_name:
    case call::cuda_get_error_string:
    case call::cuda_get_driver_entry_point_by_version:
    case call::cu_device_get:
    case call::cu_device_get_attribute:
    case call::cu_device_primary_ctx_retain:
    case call::cu_device_primary_ctx_release:
    case call::cu_device_primary_ctx_get_state:
    case call::cu_ctx_create:
    case call::cu_ctx_get_current:
    case call::cu_ctx_push_current:
    case call::cu_ctx_pop_current: return need::nothing;
    case call::cu_stream_get_ctx:
    case call::cu_mem_get_allocation_granularity:
    case call::cu_mem_address_reserve:
    case call::cu_mem_address_free:
    case call::cu_mem_create:
    case call::cu_mem_release:
    case call::cu_mem_map:
    case call::cu_mem_unmap:
    case call::cu_mem_set_access: return need::current_one;
    default: return need::any;
  }
}

}  // namespace

std::uint64_t world::handle_of_context(std::size_t context) {
  return context == none ? 0 : first_handle + context * handle_distance;
}

std::size_t world::find_context(std::uint64_t handle) const {
  std::uint64_t const distance = handle - first_handle;
  std::size_t const index = distance / handle_distance;
  bool const known = distance % handle_distance == 0 && index < contexts.size() && contexts[index].exists;
  return known ? index : none;
}

std::size_t world::current_context() {
  thread_state const& caller = self();
  return caller.contexts.empty() ? none : caller.contexts.back();
}

std::size_t world::acting_context() {
  std::size_t const now = current_context();
  return now == none ? static_cast<std::size_t>(self().device) : now;
}

cudaError_t world::create_context(std::size_t context) {
  context_state& made = contexts[context];
  if (made.exists) return cudaSuccess;
  if (made.device == options.occupied_device) return cudaErrorDevicesUnavailable;
  std::uint64_t& used = vram_used[static_cast<std::size_t>(made.device)];
  if (options.context_bytes > options.vram_bytes - used) return cudaErrorMemoryAllocation;
  used += options.context_bytes;
  made.exists = true;
  return cudaSuccess;
}

cudaError_t world::enter_context(call kind) {
  need const needed = need_of(kind);
  if (needed == need::nothing) return cudaSuccess;
  std::size_t now = current_context();
  if (now == none && needed == need::current_one) return cudaErrorDeviceUninitialized;
  if (now == none) {
    now = acting_context();
    if (cudaError_t const failed = create_context(now); failed != cudaSuccess) return failed;
    contexts[now].used_by_runtime = true;
    self().contexts.push_back(now);
  }
  if (!contexts[now].exists) return cudaErrorContextIsDestroyed;
  return contexts[now].dead;
}

cudaError_t world::set_device(int device) {
  if (!device_exists(device)) return cudaErrorInvalidDevice;
  auto const wanted = static_cast<std::size_t>(device);
  if (cudaError_t const failed = create_context(wanted); failed != cudaSuccess) return failed;
  contexts[wanted].used_by_runtime = true;
  thread_state& caller = self();
  caller.device = device;
  if (caller.contexts.empty()) caller.contexts.push_back(wanted);
  caller.contexts.back() = wanted;
  return contexts[wanted].dead;
}

cudaError_t world::retain_primary(std::uint64_t* handle, int device) {
  if (!device_exists(device)) return cudaErrorInvalidDevice;
  auto const wanted = static_cast<std::size_t>(device);
  if (cudaError_t const failed = create_context(wanted); failed != cudaSuccess) return failed;
  ++contexts[wanted].retained;
  *handle = handle_of_context(wanted);
  return cudaSuccess;
}

cudaError_t world::release_primary(int device) {
  if (!device_exists(device)) return cudaErrorInvalidDevice;
  context_state& context = contexts[static_cast<std::size_t>(device)];
  if (context.retained == 0) {
    violation("cuDevicePrimaryCtxRelease: nobody retains the context");
    return cudaErrorDeviceUninitialized;
  }
  if (--context.retained == 0 && !context.used_by_runtime) destroy_context(static_cast<std::size_t>(device));
  return cudaSuccess;
}

/// Nothing of it may be left. A thread where it is current finds that it is gone.
void world::destroy_context(std::size_t context) {
  auto const of_it = [context](auto const& each) { return each.live && !each.abandoned && each.context == context; };
  bool const used = std::ranges::any_of(events, of_it) || std::ranges::any_of(streams, [&](stream_state const& each) {
                      return each.kind == stream_kind::created && of_it(each);
                    });
  if (used && contexts[context].dead == cudaSuccess)
    violation("a context is destroyed, and streams or events of it are left");
  vram_used[static_cast<std::size_t>(contexts[context].device)] -= options.context_bytes;
  contexts[context] = {.device = contexts[context].device, .primary = contexts[context].primary};
}

cudaError_t world::push_context(std::uint64_t handle) {
  std::size_t const found = find_context(handle);
  if (found == none) {
    violation("cuCtxPushCurrent: the context is destroyed or never was one");
    return cudaErrorDeviceUninitialized;
  }
  self().contexts.push_back(found);
  return cudaSuccess;
}

cudaError_t world::pop_context(std::uint64_t* handle) {
  thread_state& caller = self();
  if (caller.contexts.empty()) return cudaErrorDeviceUninitialized;
  if (handle != nullptr) *handle = handle_of_context(caller.contexts.back());
  caller.contexts.pop_back();
  return cudaSuccess;
}

std::uint64_t world::make_own_context(int device) {
  contexts.push_back({.device = device, .exists = true});
  vram_used[static_cast<std::size_t>(device)] += options.context_bytes;
  return handle_of_context(contexts.size() - 1);
}

}  // namespace tierpager::cuda_standin
