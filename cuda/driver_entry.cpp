#include <cuda/driver_entry.hpp>

namespace tierpager {
namespace {

constexpr unsigned interface_version = 12000;

/// Looks functions up until one is missing or the looking fails.
class entry_points {
 public:
  explicit entry_points(device_state& state) : state_(state) {}

  template <class Function>
  void find(char const* name, Function*& target) {
    if (missing_ || !failed_.ok()) return;
    void* address = nullptr;
    cudaDriverEntryPointQueryResult found = cudaDriverEntryPointSuccess;
    cudaError_t const code =
        cudaGetDriverEntryPointByVersion(name, &address, interface_version, cudaEnableDefault, &found);
    if (code != cudaSuccess && code != cudaErrorSymbolNotFound)
      failed_ = state_.check(code, "cudaGetDriverEntryPointByVersion");
    missing_ = code != cudaSuccess || found != cudaDriverEntryPointSuccess || address == nullptr;
    target = reinterpret_cast<Function*>(address);
  }
  [[nodiscard]] bool missing() const { return missing_; }
  [[nodiscard]] status const& failed() const { return failed_; }

 private:
  device_state& state_;
  bool missing_ = false;
  status failed_;
};

}  // namespace

result<context_calls> find_context_calls(device_state& state) {
  context_calls calls;
  entry_points points(state);
  points.find("cuDeviceGet", calls.device_get);
  points.find("cuDevicePrimaryCtxRetain", calls.retain);
  points.find("cuDevicePrimaryCtxRelease", calls.release);
  points.find("cuCtxGetCurrent", calls.get_current);
  points.find("cuCtxPushCurrent", calls.push);
  points.find("cuCtxPopCurrent", calls.pop);
  points.find("cuStreamGetCtx", calls.of_stream);
  if (!points.failed().ok()) return points.failed().error();
  if (points.missing()) return state.refuse(errc::unsupported, "the driver is older than CUDA 12");
  return calls;
}

result<std::optional<virtual_memory>> find_virtual_memory(device_state& state) {
  virtual_memory found;
  driver_calls& calls = found.calls;
  entry_points points(state);
  points.find("cuDeviceGet", calls.device_get);
  points.find("cuDeviceGetAttribute", calls.device_get_attribute);
  points.find("cuMemGetAllocationGranularity", calls.get_granularity);
  points.find("cuMemAddressReserve", calls.address_reserve);
  points.find("cuMemAddressFree", calls.address_free);
  points.find("cuMemCreate", calls.create);
  points.find("cuMemRelease", calls.release);
  points.find("cuMemMap", calls.map);
  points.find("cuMemUnmap", calls.unmap);
  points.find("cuMemSetAccess", calls.set_access);
  if (!points.failed().ok()) return points.failed().error();
  if (points.missing()) return std::optional<virtual_memory>();

  CUdevice device = 0;
  status done = state.check(calls.device_get(&device, state.ordinal()), "cuDeviceGet");
  int supported = 0;
  if (done.ok())
    done = state.check(
        calls.device_get_attribute(&supported, CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED, device),
        "cuDeviceGetAttribute");
  if (!done.ok()) return done.error();
  if (supported == 0) return std::optional<virtual_memory>();

  found.properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  found.properties.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  found.properties.location.id = device;
  std::size_t granularity = 0;
  done = state.check(calls.get_granularity(&granularity, &found.properties, CU_MEM_ALLOC_GRANULARITY_MINIMUM),
                     "cuMemGetAllocationGranularity");
  if (!done.ok()) return done.error();
  found.granularity_bytes = granularity;
  return std::optional(found);
}

}  // namespace tierpager
