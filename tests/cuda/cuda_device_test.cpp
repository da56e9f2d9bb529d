// The CUDA device as a whole: opening it, what it leaves of the caller's, dead contexts, and a pager on it.
#include <gmock/gmock.h>

#include <tests/cuda/standin_checksum.hpp>
#include <tests/cuda/standin_device.hpp>
#include <tests/support/pattern_model.hpp>
#include <tierpager/open.hpp>

namespace tierpager::tests {
namespace {

using cuda_standin::call;
using cuda_standin::lasting;
using ::testing::AllOf;
using ::testing::HasSubstr;
using cuda_device_whole = cuda_device_on_standin;

TEST_F(cuda_device_whole, says_why_there_is_none) {
  cuda_standin::reset({.driver_version = 0});
  auto const no_driver = cuda_device::open({});
  EXPECT_EQ(no_driver.error().code, errc::unsupported);
  EXPECT_THAT(no_driver.error().describe(), AllOf(HasSubstr("no GPU"), HasSubstr("driver")));
  cuda_standin::reset({.devices = 0});
  auto const no_device = cuda_device::open({});
  EXPECT_EQ(no_device.error().code, errc::unsupported);
  EXPECT_THAT(no_device.error().describe(), HasSubstr("no GPU"));
  cuda_standin::reset({.devices = 2});
  auto const too_high = cuda_device::open({.ordinal = 2});
  EXPECT_EQ(too_high.error().code, errc::invalid_argument);
  EXPECT_THAT(too_high.error().describe(), HasSubstr("there are 2 devices"));
  EXPECT_EQ(cudaPeekAtLastError(), cudaSuccess);
}

TEST_F(cuda_device_whole, does_all_but_the_checksum_where_the_build_has_no_kernel_for_the_gpu) {
  answer_loading_of_kernels_with(cudaErrorNoKernelImageForDevice);
  open({});
  answer_loading_of_kernels_with(cudaSuccess);
  commit(tier::vram, {0, granule});
  commit(tier::ram, {0, granule});
  fill_ram(0, seeded_bytes(granule, 3));
  EXPECT_TRUE(port().copy_async(0, 0, granule).ok());
  std::byte* const base = vram_;
  status const refused =
      port().checksum_async(stream(), {base, 8}, base + 8, {base + 4096, port().checksum_scratch_bytes()});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, errc::unsupported);
  EXPECT_THAT(refused.error().what,
              AllOf(HasSubstr("cudaErrorNoKernelImageForDevice"), HasSubstr("CMAKE_CUDA_ARCHITECTURES")));
}

TEST_F(cuda_device_whole, opening_fails_cleanly_at_every_call) {
  cuda_device_options const few{.events = 2};
  for (bool const registers : {true, false}) {
    cuda_standin::world_options const world{.can_register = registers};
    cuda_standin::reset(world);
    cuda_standin::reset_counts();
    ASSERT_TRUE(cuda_device::open(few).ok());
    std::uint64_t const all = cuda_standin::fallible_calls();
    ASSERT_GT(all, 20U);
    for (std::uint64_t n = 1; n <= all; ++n) {
      for (lasting const how : {lasting::once, lasting::for_ever, lasting::sticky}) {
        cuda_standin::reset(world);
        cuda_standin::fail_nth(n, how, cudaErrorIllegalState);
        (void)cuda_device::open(few);
        EXPECT_EQ(cuda_standin::live().objects(), 0U) << "call " << n;
        if (how == lasting::sticky) continue;
        EXPECT_EQ(cudaPeekAtLastError(), cudaSuccess) << "call " << n;
        cuda_standin::lift();
        EXPECT_TRUE(cuda_device::open(few).ok()) << "call " << n;
      }
    }
  }
}

TEST_F(cuda_device_whole, leaves_the_current_device_and_the_caller_s_error_as_they_were) {
  open({.devices = 2}, {.ordinal = 1});
  cudaStream_t const mine = stream();
  EXPECT_EQ(cudaSetDevice(99), cudaErrorInvalidDevice);
  for (tier const where : {tier::vram, tier::ram}) commit(where, {0, 2 * granule});
  EXPECT_TRUE(port().wait(port().copy_stream(), value_or_throw(port().record(mine))).ok());
  EXPECT_TRUE(port().copy_async(0, 0, granule).ok());
  EXPECT_TRUE(port().read_back(mine, vram_ + granule).ok());
  EXPECT_TRUE(port().decommit(tier::ram, {granule, granule}).ok());
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(port().record(mine).ok());
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidDevice);
  int current = -1;
  EXPECT_EQ(cudaGetDevice(&current), cudaSuccess);
  EXPECT_EQ(current, 0);
}

TEST_F(cuda_device_whole, leaves_no_error_of_its_own) {
  open();
  cudaStream_t const mine = stream();
  cuda_standin::hold(mine);
  EXPECT_FALSE(value_or_throw(port().passed(value_or_throw(port().record(mine)))));
  EXPECT_EQ(cudaPeekAtLastError(), cudaSuccess);
  cuda_standin::fail_nth(call::cuda_event_record, 1, lasting::once);
  EXPECT_EQ(port().record(mine).error().code, errc::device_failed);
  EXPECT_EQ(cudaPeekAtLastError(), cudaSuccess);
  EXPECT_TRUE(port().record(mine).ok());
  cuda_standin::let_go(mine);
}

TEST_F(cuda_device_whole, after_its_context_died_every_call_says_so_and_the_destructor_returns) {
  for (cudaError_t const code : {cudaErrorIllegalAddress, cudaErrorIllegalState}) {
    open();
    cudaStream_t const mine = stream();
    for (tier const where : {tier::vram, tier::ram}) commit(where, {0, granule});
    fence const recorded = value_or_throw(port().record(mine));
    cuda_standin::fail_nth(call::cuda_memcpy_async, 1, lasting::sticky, code);
    EXPECT_FALSE(port().copy_async(0, 0, granule).ok());
    EXPECT_EQ(port().copy_async(0, 0, granule).error().code, errc::device_lost);
    EXPECT_EQ(port().passed(recorded).error().code, errc::device_lost);
    EXPECT_EQ(port().record(mine).error().code, errc::device_lost);
    EXPECT_EQ(port().wait(mine, recorded).error().code, errc::device_lost);
    EXPECT_EQ(port().commit(tier::ram, {granule, granule}).error().code, errc::device_lost);
    EXPECT_EQ(port().decommit(tier::vram, {0, granule}).error().code, errc::device_lost);
    EXPECT_EQ(port().read_back(mine, vram_).error().code, errc::device_lost);
    EXPECT_EQ(port().free_vram_bytes().error().code, errc::device_lost);
    TearDown();
  }
}

TEST_F(cuda_device_whole, a_pager_opened_on_it_reads_every_tensor_right_and_calls_nothing_that_may_wait) {
  cuda_standin::reset({.threads = true});
  std::uint64_t const tensor_bytes = 3 * page;
  test::pattern_model const model = test::make_pattern_model(40, tensor_bytes);
  {
    auto on = std::shared_ptr<device>(open_device(device_kind::cuda));
    stream_ref const mine = value_or_throw(on->make_stream());
    cuda_standin::reset_counts();
    pager pages(model.tensors, model.source, on,
                {.vram = bytes(6 * on->granule_bytes(tier::vram)), .ram = bytes(20 * tensor_bytes)});
    for (std::uint32_t pass = 0; pass < 3; ++pass) {
      for (std::uint32_t i = 0; i < model.tensors.size(); ++i) {
        handle const held = pages.acquire(static_cast<tensor_id>(i), mine);
        std::vector<std::byte> seen(held.size_bytes());
        ASSERT_EQ(cuda_standin::launch(
                      cuda(mine), {{held.data(), seen.size(), false}},
                      [&seen, from = held.data()] { std::copy_n(from, seen.size(), seen.begin()); }, "use"),
                  cudaSuccess);
        ASSERT_EQ(cudaStreamSynchronize(cuda(mine)), cudaSuccess);
        EXPECT_EQ(test::first_wrong_byte(model.tensors[held.id()], seen), seen.size());
      }
    }
    for (call const kind : {call::cuda_malloc, call::cuda_free, call::cuda_launch_host_func})
      EXPECT_EQ(calls(kind), 0U) << cuda_standin::name_of(kind);
    EXPECT_EQ(calls(call::cuda_stream_synchronize), 3 * model.tensors.size());  // the test's own
  }
}

TEST_F(cuda_device_whole, a_model_file_is_opened_on_it) {
  cuda_standin::reset({.threads = true});
  pager pages =
      tierpager::open(TIERPAGER_FIXTURES "/mixed.safetensors", {.vram = "unlimited"}, {.device = device_kind::cuda});
  EXPECT_EQ(pages.on().name(), "cuda");
  stream_ref const mine = value_or_throw(pages.on().make_stream());
  for (std::uint32_t i = 0; i < pages.tensors().size(); ++i) {
    handle const here = pages.acquire_host(static_cast<tensor_id>(i));
    handle const there = pages.acquire(static_cast<tensor_id>(i), mine);
    std::vector<std::byte> seen(there.size_bytes());
    if (seen.empty()) continue;
    ASSERT_EQ(cudaMemcpyAsync(seen.data(), there.data(), seen.size(), cudaMemcpyDeviceToHost, cuda(mine)), cudaSuccess);
    ASSERT_EQ(cudaStreamSynchronize(cuda(mine)), cudaSuccess);
    EXPECT_TRUE(same_bytes(seen, {here.data(), here.size_bytes()})) << pages.tensors()[here.id()].name;
  }
}

}  // namespace
}  // namespace tierpager::tests
