// Virtual memory management, as the stand-in and the real driver have it in common: see conformance_test.cpp.
#include <cuda.h>
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <vector>

namespace {

template <class Function>
void find(char const* name, Function*& function) {
  void* found = nullptr;
  cudaGetDriverEntryPointByVersion(name, &found, 12000, cudaEnableDefault, nullptr);
  function = reinterpret_cast<Function*>(found);
}

class cuda_vmm : public testing::Test {
 protected:
  void SetUp() override {
    if (cudaFree(nullptr) != cudaSuccess) GTEST_SKIP() << "no GPU: CUDA finds none";
    find("cuDeviceGetAttribute", attribute_);
    int supported = 0;
    attribute_(&supported, CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED, 0);
    if (supported == 0) GTEST_SKIP() << "no virtual memory management";
    find("cuMemGetAllocationGranularity", granularity_);
    find("cuMemAddressReserve", reserve_);
    find("cuMemAddressFree", free_);
    find("cuMemCreate", create_);
    find("cuMemRelease", release_);
    find("cuMemMap", map_);
    find("cuMemUnmap", unmap_);
    find("cuMemSetAccess", set_access_);
    properties_.type = CU_MEM_ALLOCATION_TYPE_PINNED;
    properties_.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    ASSERT_EQ(granularity_(&granule_, &properties_, CU_MEM_ALLOC_GRANULARITY_MINIMUM), CUDA_SUCCESS);
    ASSERT_EQ(reserve_(&base_, 4 * granule_, 0, 0, 0), CUDA_SUCCESS);
    ASSERT_EQ(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), cudaSuccess);
    ASSERT_EQ(cudaHostAlloc(&ram_, bytes, cudaHostAllocDefault), cudaSuccess);
  }
  void TearDown() override {
    if (stream_ == nullptr) return;
    EXPECT_EQ(free_(base_, 4 * granule_), CUDA_SUCCESS) << "a mapping was left";
    cudaStreamDestroy(stream_);
    cudaFreeHost(ram_);
    cudaGetLastError();
  }
  CUmemGenericAllocationHandle create(std::size_t granules = 1) {
    CUmemGenericAllocationHandle handle = 0;
    EXPECT_EQ(create_(&handle, granules * granule_, &properties_, 0), CUDA_SUCCESS);
    return handle;
  }
  CUdeviceptr granule(std::size_t index) const { return base_ + index * granule_; }
  void allow(CUdeviceptr at, std::size_t granules = 1) {
    CUmemAccessDesc both{};
    both.location = properties_.location;
    both.flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
    EXPECT_EQ(set_access_(at, granules * granule_, &both, 1), CUDA_SUCCESS);
  }
  cudaError_t copy(void* target, void const* source) {
    cudaError_t const queued = cudaMemcpyAsync(target, source, bytes, cudaMemcpyDefault, stream_);
    return queued == cudaSuccess ? cudaStreamSynchronize(stream_) : queued;
  }
  char& byte() { return static_cast<char*>(ram_)[bytes - 1]; }
  static void* pointer(CUdeviceptr at) { return reinterpret_cast<void*>(at); }

  static constexpr std::size_t bytes = 4096;
  CUmemAllocationProp properties_{};
  std::size_t granule_ = 0;
  CUdeviceptr base_ = 0;
  cudaStream_t stream_ = nullptr;
  void* ram_ = nullptr;
  decltype(cuDeviceGetAttribute)* attribute_ = nullptr;
  decltype(cuMemGetAllocationGranularity)* granularity_ = nullptr;
  decltype(cuMemAddressReserve)* reserve_ = nullptr;
  decltype(cuMemAddressFree)* free_ = nullptr;
  decltype(cuMemCreate)* create_ = nullptr;
  decltype(cuMemRelease)* release_ = nullptr;
  decltype(cuMemMap)* map_ = nullptr;
  decltype(cuMemUnmap)* unmap_ = nullptr;
  decltype(cuMemSetAccess)* set_access_ = nullptr;
};

TEST_F(cuda_vmm, memory_keeps_its_bytes_wherever_it_is_mapped) {
  CUmemGenericAllocationHandle const handle = create();
  ASSERT_EQ(map_(granule(0), granule_, 0, handle, 0), CUDA_SUCCESS);
  allow(granule(0));
  byte() = 7;
  ASSERT_EQ(copy(pointer(granule(0)), ram_), cudaSuccess);
  ASSERT_EQ(unmap_(granule(0), granule_), CUDA_SUCCESS);
  ASSERT_EQ(map_(granule(2), granule_, 0, handle, 0), CUDA_SUCCESS);
  allow(granule(2));
  byte() = 0;
  ASSERT_EQ(copy(ram_, pointer(granule(2))), cudaSuccess);
  EXPECT_EQ(byte(), 7);
  EXPECT_EQ(unmap_(granule(2), granule_), CUDA_SUCCESS);
  EXPECT_EQ(release_(handle), CUDA_SUCCESS);
}

TEST_F(cuda_vmm, memory_that_is_released_lives_until_it_is_unmapped) {
  CUmemGenericAllocationHandle const handle = create();
  ASSERT_EQ(map_(granule(0), granule_, 0, handle, 0), CUDA_SUCCESS);
  EXPECT_EQ(release_(handle), CUDA_SUCCESS);
  allow(granule(0));
  byte() = 8;
  EXPECT_EQ(copy(pointer(granule(0)), ram_), cudaSuccess);
  byte() = 0;
  EXPECT_EQ(copy(ram_, pointer(granule(0))), cudaSuccess);
  EXPECT_EQ(byte(), 8);
  EXPECT_EQ(unmap_(granule(0), granule_), CUDA_SUCCESS);
}

TEST_F(cuda_vmm, neighbouring_mappings_are_one_range_to_copies_access_and_unmap) {
  for (std::size_t i = 0; i != 2; ++i) {
    CUmemGenericAllocationHandle const handle = create();
    ASSERT_EQ(map_(granule(i), granule_, 0, handle, 0), CUDA_SUCCESS);
    release_(handle);
  }
  allow(granule(0), 2);
  byte() = 9;
  EXPECT_EQ(copy(pointer(granule(1) - bytes / 2), ram_), cudaSuccess);
  byte() = 0;
  EXPECT_EQ(copy(ram_, pointer(granule(1) - bytes / 2)), cudaSuccess);
  EXPECT_EQ(byte(), 9);
  EXPECT_EQ(unmap_(granule(0), 2 * granule_), CUDA_SUCCESS);
}

TEST_F(cuda_vmm, what_is_not_mapped_cannot_be_unmapped) { EXPECT_NE(unmap_(granule(0), granule_), CUDA_SUCCESS); }

TEST_F(cuda_vmm, nothing_is_mapped_twice_at_one_place) {
  CUmemGenericAllocationHandle const first = create(2);
  CUmemGenericAllocationHandle const second = create();
  ASSERT_EQ(map_(granule(0), 2 * granule_, 0, first, 0), CUDA_SUCCESS);
  EXPECT_NE(map_(granule(0), granule_, 0, second, 0), CUDA_SUCCESS);
  EXPECT_NE(map_(granule(1), granule_, 0, second, 0), CUDA_SUCCESS);
  EXPECT_NE(unmap_(granule(1), granule_), CUDA_SUCCESS) << "half a mapping";
  EXPECT_EQ(unmap_(granule(0), 2 * granule_), CUDA_SUCCESS);
  release_(first);
  release_(second);
}

TEST_F(cuda_vmm, address_space_with_a_mapping_in_it_cannot_be_freed) {
  CUmemGenericAllocationHandle const handle = create();
  ASSERT_EQ(map_(granule(1), granule_, 0, handle, 0), CUDA_SUCCESS);
  release_(handle);
  EXPECT_NE(free_(base_, 4 * granule_), CUDA_SUCCESS);
  EXPECT_EQ(unmap_(granule(1), granule_), CUDA_SUCCESS);
}

TEST_F(cuda_vmm, sizes_are_multiples_of_the_granularity) {
  CUmemGenericAllocationHandle handle = 0;
  EXPECT_EQ(create_(&handle, granule_ + 1, &properties_, 0), CUDA_ERROR_INVALID_VALUE);
  CUdeviceptr base = 0;
  EXPECT_EQ(reserve_(&base, granule_ + 1, 0, 0, 0), CUDA_ERROR_INVALID_VALUE);
}

}  // namespace
