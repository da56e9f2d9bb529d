// Streams that a pager on the host device cannot use: each call that takes one says so, and changes nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include <host/host_device.hpp>
#include <tests/support/paged_reading.hpp>
#include <tests/support/pattern_model.hpp>
#include <tierpager/host_stream.hpp>
#include <tierpager/pager.hpp>

namespace tierpager::test {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t page = 4096;
constexpr tensor_id t0{0};

stream_ref cuda_stream(std::uintptr_t value) { return reinterpret_cast<CUstream_st*>(value); }

struct foreign_streams : testing::Test {
  void expect_refused_everywhere(stream_ref foreign, char const* what) {
    auto const expect_refused = [&](auto&& call) {
      auto const refused = failure_of(call);
      ASSERT_TRUE(refused.has_value());
      EXPECT_EQ(refused->code, errc::invalid_argument);
      EXPECT_THAT(refused->what, HasSubstr(what));
    };
    for (bool const resident : {false, true}) {
      if (resident) (void)paged.acquire(t0, stream);
      expect_refused([&] { return paged.acquire(t0, foreign); });
      expect_refused([&] { return paged.acquire("t0", foreign); });
      expect_refused([&] { return paged.acquire({"t0", "t1"}, foreign); });
      expect_refused([&] { return paged.acquire({t0}, foreign); });
      expect_refused([&] { return paged.try_acquire(t0, foreign).has_value(); });
      expect_refused([&] { paged.retire_stream(foreign); });
    }
    handle held = paged.acquire(t0, stream);
    expect_refused([&] { held.release(foreign); });
    EXPECT_TRUE(held);
    stream.synchronize();
    EXPECT_EQ(first_wrong_byte(held.info(), {held.data(), held.size_bytes()}), page);
    held.release();
    EXPECT_EQ(paged.stats().vram.peak_bytes, page);
  }
  void expect_refused_by_the_device(stream_ref foreign) {
    device& on = paged.on();
    std::byte* const nowhere = nullptr;
    EXPECT_EQ(on.record(foreign).error().code, errc::invalid_argument);
    EXPECT_EQ(on.capturing(foreign).error().code, errc::invalid_argument);
    EXPECT_EQ(on.wait(foreign, fence{}).error().code, errc::invalid_argument);
    EXPECT_EQ(on.retire(foreign).error().code, errc::invalid_argument);
    EXPECT_EQ(on.checksum_async(foreign, {}, nowhere, {}).error().code, errc::invalid_argument);
    EXPECT_EQ(on.read_back(foreign, nowhere).error().code, errc::invalid_argument);
  }

  pattern_model const model = make_pattern_model(2, page);
  host_stream stream;
  pager paged{model.tensors, model.source, std::make_shared<host_device>(), {.vram = bytes(page), .ram = bytes(page)}};
};

TEST_F(foreign_streams, a_cuda_stream_is_refused) {
  for (std::uintptr_t const value : {0U, 1U, 2U, 4096U, 12345U}) {  // null, the legacy one, the thread's, any
    expect_refused_everywhere(cuda_stream(value),
                              "the device 'host' does not take a CUDA stream: pass a tierpager::host_stream");
    expect_refused_by_the_device(cuda_stream(value));
  }
}

TEST_F(foreign_streams, a_pointer_to_anything_is_refused) {
  int anything = 0;
  for (void* const each : {static_cast<void*>(&anything), static_cast<void*>(&stream), static_cast<void*>(nullptr)}) {
    expect_refused_everywhere(stream_ref(each), "pass a tierpager::host_stream");
    expect_refused_by_the_device(stream_ref(each));
  }
}

TEST_F(foreign_streams, a_stream_that_was_destroyed_is_refused) {
  std::optional<host_stream> gone(std::in_place);
  stream_ref const dangling = *gone;
  (void)paged.acquire(t0, dangling);
  gone.reset();
  expect_refused_everywhere(dangling, "destroyed");
  EXPECT_EQ(paged.on().wait(dangling, fence{}).error().code, errc::invalid_argument);
  EXPECT_EQ(paged.on().retire(dangling).error().code, errc::invalid_argument);
}

TEST_F(foreign_streams, a_handle_that_outlives_its_stream_is_released_behind_what_ran_there) {
  std::optional<host_stream> gone(std::in_place);
  handle held = paged.acquire(t0, *gone);
  gone.reset();
  held.release();
  paged.set_budget(tier::vram, bytes(2 * page));
  EXPECT_EQ(paged.stats().vram.quarantined_bytes, 0U);
  EXPECT_EQ(paged.acquire(t0, stream).id(), t0);
}

TEST_F(foreign_streams, a_new_stream_is_not_taken_for_a_destroyed_one) {
  for (int i = 0; i < 100; ++i) {
    host_stream fresh;
    ASSERT_EQ(paged.acquire(t0, fresh).id(), t0) << i;
  }
}

}  // namespace
}  // namespace tierpager::test
