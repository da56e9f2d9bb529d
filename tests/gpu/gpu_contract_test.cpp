// The device contract, held by the CUDA device on a GPU.
#include <tests/contract/device_contract.hpp>

#include <tierpager/cuda_device.hpp>

#include <cuda_runtime_api.h>

namespace tierpager::tests {
namespace {

enum class way : std::uint8_t { usual, no_vmm, no_registration };

template <way Which>
class made_gpu {
 public:
  device& port() { return *device_; }
  void submit(stream_ref stream, std::function<void()> work) {
    auto const run = [](void* given) {
      std::unique_ptr<std::function<void()>> const queued(static_cast<std::function<void()>*>(given));
      (*queued)();
    };
    ASSERT_EQ(cudaLaunchHostFunc(static_cast<cudaStream_t>(stream.get()), run, new std::function(std::move(work))),
              cudaSuccess);
  }

 private:
  std::unique_ptr<device> device_ = value_or_throw(
      cuda_device::open({.use_vmm = Which != way::no_vmm, .page_lock_ram = Which != way::no_registration}));
};

INSTANTIATE_TYPED_TEST_SUITE_P(gpu, device_contract, made_gpu<way::usual>);
INSTANTIATE_TYPED_TEST_SUITE_P(gpu_without_vmm, device_contract, made_gpu<way::no_vmm>);
INSTANTIATE_TYPED_TEST_SUITE_P(gpu_without_registration, device_contract, made_gpu<way::no_registration>);

}  // namespace
}  // namespace tierpager::tests
