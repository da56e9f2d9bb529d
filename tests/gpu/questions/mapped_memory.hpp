// A range of device addresses and one piece of memory behind it, call by call, each checked. One thread at a time; in the
// context that is current.
#pragma once

#include <tests/gpu/questions/questions.hpp>

namespace tierpager::questions {

class mapped_memory {
 public:
  explicit mapped_memory(std::size_t bytes, int device = 0) : bytes_(bytes) {
    properties_.type = CU_MEM_ALLOCATION_TYPE_PINNED;
    properties_.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    properties_.location.id = device;
    need(TIERPAGER_DRIVER(cuMemAddressReserve)(&base_, bytes, 0, 0, 0), "cuMemAddressReserve");
  }
  mapped_memory(mapped_memory const&) = delete;
  mapped_memory& operator=(mapped_memory const&) = delete;
  ~mapped_memory() = default;  // the process ends

  void create() { need(create_(&memory_, bytes_, &properties_, 0), "cuMemCreate"); }
  void map() { need(map_(base_, bytes_, 0, memory_, 0), "cuMemMap"); }
  void allow() {
    CUmemAccessDesc access{};
    access.location = properties_.location;
    access.flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
    need(allow_(base_, bytes_, &access, 1), "cuMemSetAccess");
  }
  void unmap() { need(unmap_(base_, bytes_), "cuMemUnmap"); }
  void release() { need(release_(memory_), "cuMemRelease"); }
  [[nodiscard]] void* base() const { return reinterpret_cast<void*>(base_); }

 private:
  std::size_t bytes_;
  CUmemAllocationProp properties_{};
  CUdeviceptr base_ = 0;
  CUmemGenericAllocationHandle memory_ = 0;
  decltype(&cuMemCreate) create_ = TIERPAGER_DRIVER(cuMemCreate);
  decltype(&cuMemMap) map_ = TIERPAGER_DRIVER(cuMemMap);
  decltype(&cuMemSetAccess) allow_ = TIERPAGER_DRIVER(cuMemSetAccess);
  decltype(&cuMemUnmap) unmap_ = TIERPAGER_DRIVER(cuMemUnmap);
  decltype(&cuMemRelease) release_ = TIERPAGER_DRIVER(cuMemRelease);
};

}  // namespace tierpager::questions
