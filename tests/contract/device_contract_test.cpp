#include <tests/contract/device_contract.hpp>

#include <host/host_device.hpp>
#include <host/host_stream_identity.hpp>
#include <tests/support/faulty_device.hpp>

namespace tierpager::tests {
namespace {

void submit_to_host_stream(stream_ref stream, std::function<void()> work) {
  host_stream_access::stream_of(stream).submit(std::move(work));
}

template <std::uint64_t JitterSeed, std::uint64_t GranuleBytes = 4096>
struct made_host_device {
  device& port() { return *device_; }
  void submit(stream_ref stream, std::function<void()> work) { submit_to_host_stream(stream, std::move(work)); }
  static constexpr host_device_options options{
      .granule_bytes = GranuleBytes, .jitter_seed = JitterSeed, .poison = JitterSeed != 0};
  std::shared_ptr<device> device_ = std::make_shared<host_device>(options);
};

struct made_faulty_device {
  device& port() { return faulty_; }
  void submit(stream_ref stream, std::function<void()> work) { submit_to_host_stream(stream, std::move(work)); }
  faulty_device faulty_{std::make_shared<host_device>()};
};

INSTANTIATE_TYPED_TEST_SUITE_P(host, device_contract, made_host_device<0>);
INSTANTIATE_TYPED_TEST_SUITE_P(host_with_jitter, device_contract, made_host_device<7>);
using small_granules = made_host_device<7, 256>;
INSTANTIATE_TYPED_TEST_SUITE_P(host_with_granules_below_a_page, device_contract, small_granules);
INSTANTIATE_TYPED_TEST_SUITE_P(faulty_without_faults, device_contract, made_faulty_device);

}  // namespace
}  // namespace tierpager::tests
