// Thrust's algorithms over a pager's tensors, on the host device and Thrust's CPU system: the source that nvcc compiles
// for a GPU. Scratch memory comes from the pager and from nowhere else.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <numeric>

#include <thrust/execution_policy.h>
#include <thrust/functional.h>
#include <thrust/reduce.h>
#include <thrust/sort.h>
#include <thrust/system/cpp/execution_policy.h>

#include <host/host_device.hpp>
#include <tests/support/pattern_model.hpp>
#include <tierpager/pager.hpp>
#include <tierpager/thrust.hpp>

namespace tierpager::tests {
namespace {

TEST(thrust_ranges, a_tensor_is_reduced_where_it_lies_in_the_order_of_its_stream) {
  constexpr std::uint64_t tensor_bytes = 40'000;
  auto const model = test::make_pattern_model(6, tensor_bytes);
  auto const on = std::make_shared<host_device>(host_device_options{.jitter_seed = 7, .poison = true});
  pager pages(model.tensors, model.source, on, {.vram = bytes(100'000), .ram = bytes(100'000)});
  host_stream stream;
  std::uint64_t total = 0;
  std::uint64_t expected = 0;
  for (std::uint32_t i = 0; i < 6; ++i) {
    for (std::uint64_t k = 0; k < tensor_bytes; ++k)
      expected += static_cast<std::uint64_t>(test::pattern_byte(model.tensors[static_cast<tensor_id>(i)].offset + k));
    handle const held = pages.acquire(static_cast<tensor_id>(i), stream);
    auto const range = device_range<unsigned char>(held);
    EXPECT_EQ(range.size(), tensor_bytes);
    stream.submit(
        [&total, range] { total += thrust::reduce(thrust::cpp::par, range.begin(), range.end(), std::uint64_t{0}); });
  }
  stream.synchronize();
  EXPECT_EQ(total, expected);
}

TEST(thrust_ranges, scratch_comes_from_the_span_and_is_used_again) {
  alignas(256) std::array<std::byte, 4096> memory{};
  scratch_allocator scratch(memory);
  std::array<float, 300> keys{};
  for (int round = 0; round < 3; ++round) {
    std::iota(keys.rbegin(), keys.rend(), 0.5F);
    thrust::stable_sort(thrust::cpp::par(scratch), keys.begin(), keys.end());
    EXPECT_TRUE(std::ranges::is_sorted(keys));
  }
  EXPECT_TRUE(std::ranges::any_of(memory, [](std::byte each) { return each != std::byte{0}; }));
  char* const first = scratch.allocate(100);
  char* const second = scratch.allocate(100);
  EXPECT_EQ(reinterpret_cast<std::byte*>(first), memory.data());
  EXPECT_EQ(second - first, 256);
  scratch.deallocate(first, 100);
  scratch.deallocate(second, 100);
  char* const again = scratch.allocate(100);
  EXPECT_EQ(again, first);
  scratch.deallocate(again, 100);
}

TEST(thrust_ranges, too_little_scratch_is_named_in_bytes) {
  alignas(256) std::array<std::byte, 1024> memory{};
  scratch_allocator scratch(memory);
  char* const kept = scratch.allocate(300);
  try {
    (void)scratch.allocate(600);
    FAIL() << "allocated beyond the end";
  } catch (std::bad_alloc const& thrown) {
    EXPECT_STREQ(thrown.what(), "an algorithm needs at least 1112 bytes of scratch memory, and there are 1024");
  }
  std::array<float, 300> keys{};
  EXPECT_THROW(thrust::stable_sort(thrust::cpp::par(scratch), keys.begin(), keys.end()), scratch_exhausted);
  scratch.deallocate(kept, 300);
}

}  // namespace
}  // namespace tierpager::tests
