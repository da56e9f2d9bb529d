// The device contract, held by the CUDA device on the stand-in runtime, whose streams are threads here. What the
// contract shows must also leave nothing behind and break no rule of CUDA.
#include <tests/contract/device_contract.hpp>

#include <tests/cuda_standin/standin.hpp>
#include <tierpager/cuda_device.hpp>

namespace tierpager::tests {
namespace {

enum class way : std::uint8_t { usual, no_vmm, no_registration, second_device, small_pieces };

constexpr cuda_standin::world_options world_for(way which) {
  return {.devices = which == way::second_device ? 2 : 1,
          .vmm = which != way::no_vmm,
          .can_register = which != way::no_registration,
          .threads = true};
}

constexpr cuda_device_options options_for(way which) {
  cuda_device_options options;
  if (which == way::second_device) options.ordinal = 1;
  if (which == way::no_registration) options.staging_bytes = 4096;  // copies of several pieces
  if (which == way::small_pieces) {
    options.vram_granule_bytes_min = 4096;
    options.ram_segment_bytes_max = 4096;
  }
  return options;
}

template <way Which>
class made_cuda_device {
 public:
  made_cuda_device() {
    cuda_standin::reset(world_for(Which));
    device_ = value_or_throw(cuda_device::open(options_for(Which)));
  }
  made_cuda_device(made_cuda_device const&) = delete;
  made_cuda_device& operator=(made_cuda_device const&) = delete;
  ~made_cuda_device() {
    device_.reset();
    EXPECT_EQ(cuda_standin::live().objects(), 0U);
    for (std::string const& each : cuda_standin::violations())
      EXPECT_TRUE(race_expected_ && each.starts_with("race:")) << each;
    cuda_standin::reset({});  // joins the threads of the streams
  }

  device& port() { return *device_; }
  void submit(stream_ref stream, std::function<void()> work) {
    cudaSetDevice(options_for(Which).ordinal);
    cuda_standin::launch(static_cast<cudaStream_t>(stream.get()), {}, std::move(work), "work of the test");
    cudaSetDevice(0);
  }
  void expect_race() { race_expected_ = true; }

 private:
  std::unique_ptr<device> device_;
  bool race_expected_ = false;
};

INSTANTIATE_TYPED_TEST_SUITE_P(cuda, device_contract, made_cuda_device<way::usual>);
INSTANTIATE_TYPED_TEST_SUITE_P(cuda_without_vmm, device_contract, made_cuda_device<way::no_vmm>);
INSTANTIATE_TYPED_TEST_SUITE_P(cuda_without_registration, device_contract, made_cuda_device<way::no_registration>);
INSTANTIATE_TYPED_TEST_SUITE_P(cuda_second_device, device_contract, made_cuda_device<way::second_device>);
INSTANTIATE_TYPED_TEST_SUITE_P(cuda_in_small_pieces, device_contract, made_cuda_device<way::small_pieces>);

}  // namespace
}  // namespace tierpager::tests
