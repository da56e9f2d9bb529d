#include <host/host_device.hpp>

#include <gtest/gtest.h>

#include <latch>
#include <optional>
#include <thread>
#include <tuple>

namespace tierpager::tests {
namespace {

constexpr std::uint64_t arena_bytes = 1U << 20U;

void until_passed(device& on, fence which) {
  while (!value_or_throw(on.passed(which))) std::this_thread::yield();
}

struct host_device_test : ::testing::Test {
  host_device on{{.vram_bytes = 1U << 30U}};
  std::byte* vram = value_or_throw(on.reserve(tier::vram, arena_bytes));
  std::byte* ram = value_or_throw(on.reserve(tier::ram, arena_bytes));
};

TEST_F(host_device_test, refuses_a_copy_that_touches_memory_not_committed) {
  value_or_throw(on.commit(tier::vram, {0, 8192}));
  value_or_throw(on.commit(tier::ram, {0, 8192}));
  EXPECT_TRUE(on.copy_async(0, 0, 8192).ok());
  for (auto const& [vram_offset, ram_offset, bytes] :
       std::initializer_list<std::tuple<std::uint64_t, std::uint64_t, std::uint64_t>>{{4096, 0, 4097},
                                                                                      {0, 4096, 4097},
                                                                                      {8192, 0, 1},
                                                                                      {0, 8192, 1},
                                                                                      {0, 0, ~std::uint64_t{0}},
                                                                                      {8, 0, ~std::uint64_t{7}}}) {
    auto const refused = on.copy_async(vram_offset, ram_offset, bytes);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, errc::device_failed);
  }
}

TEST_F(host_device_test, refuses_a_checksum_of_anything_but_committed_device_memory) {
  value_or_throw(on.commit(tier::vram, {0, 4096}));
  value_or_throw(on.commit(tier::ram, {0, 4096}));
  stream_ref const mine = value_or_throw(on.make_stream());
  EXPECT_TRUE(on.checksum_async(mine, {vram, 4088}, vram + 4088, {}).ok());
  EXPECT_EQ(on.checksum_async(mine, {vram, 4097}, vram, {}).error().code, errc::device_failed);
  EXPECT_EQ(on.checksum_async(mine, {ram, 8}, vram, {}).error().code, errc::device_failed);
  EXPECT_EQ(on.checksum_async(mine, {vram, 8}, ram, {}).error().code, errc::device_failed);
  EXPECT_EQ(on.checksum_async(mine, {vram, 8}, vram + 4096, {}).error().code, errc::device_failed);
  EXPECT_EQ(on.checksum_async(mine, {vram + 4, 8}, vram, {}).error().code, errc::invalid_argument);
  EXPECT_EQ(on.read_back(mine, vram + 4096).error().code, errc::device_failed);
}

TEST_F(host_device_test, free_memory_falls_by_what_is_committed) {
  EXPECT_EQ(value_or_throw(on.free_vram_bytes()), 1U << 30U);
  value_or_throw(on.commit(tier::vram, {0, 8192}));
  value_or_throw(on.commit(tier::ram, {0, 4096}));
  EXPECT_EQ(value_or_throw(on.free_vram_bytes()), (1U << 30U) - 8192);
  value_or_throw(on.decommit(tier::vram, {0, 4096}));
  EXPECT_EQ(value_or_throw(on.free_vram_bytes()), (1U << 30U) - 4096);
}

TEST_F(host_device_test, a_stream_at_a_dead_one_s_address_is_another_stream) {
  std::optional<host_stream> stream;
  stream.emplace();
  stream->submit([] {});
  fence const first = value_or_throw(on.record(*stream));
  value_or_throw(on.retire(*stream));
  stream.reset();
  EXPECT_TRUE(value_or_throw(on.passed(first)));
  stream.emplace();
  fence const second = value_or_throw(on.record(*stream));
  EXPECT_NE(first.stream, second.stream);
  EXPECT_TRUE(on.wait(*stream, first).ok());
  stream.reset();
  EXPECT_TRUE(value_or_throw(on.passed(second)));
}

TEST_F(host_device_test, a_fence_of_a_stream_destroyed_meanwhile_still_orders) {
  auto source_stream = std::make_unique<host_stream>();
  host_stream waiting;
  std::latch gate(1);
  int value = 0;
  int seen = 0;
  source_stream->submit([&] {
    gate.wait();
    value = 1;
  });
  value_or_throw(on.wait(waiting, value_or_throw(on.record(*source_stream))));
  waiting.submit([&] { seen = value; });
  value_or_throw(on.retire(*source_stream));
  gate.count_down();
  source_stream.reset();
  waiting.synchronize();
  EXPECT_EQ(seen, 1);
}

TEST_F(host_device_test, refuses_fences_and_streams_that_are_not) {
  stream_ref const mine = value_or_throw(on.make_stream());
  EXPECT_EQ(on.passed({.stream = 99, .sequence = 0}).error().code, errc::invalid_argument);
  EXPECT_EQ(on.passed({.stream = 0, .sequence = 1}).error().code, errc::invalid_argument);
  EXPECT_EQ(on.wait(mine, {.stream = 99, .sequence = 0}).error().code, errc::invalid_argument);
  EXPECT_EQ(on.record(stream_ref(static_cast<void*>(nullptr))).error().code, errc::invalid_argument);
  EXPECT_EQ(on.retire(on.copy_stream()).error().code, errc::invalid_argument);
}

TEST_F(host_device_test, reserves_a_tier_once) { EXPECT_FALSE(on.reserve(tier::vram, 4096).ok()); }

TEST(host_device, locks_no_pages_unless_asked) {
  EXPECT_FALSE(host_device({.lock_pages = false}).ram_is_page_locked());
}

/// How often, of 200 copies, work queued on a user's stream after a copy had run while the copy had not.
int overtaken(bool with_fence) {
  int count = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    host_device on({.jitter_seed = seed});
    for (tier const where : {tier::vram, tier::ram}) {
      value_or_throw(on.reserve(where, arena_bytes));
      value_or_throw(on.commit(where, {0, arena_bytes}));
    }
    host_stream user;
    for (int i = 0; i < 20; ++i) {
      fence const copied = value_or_throw(on.copy_async(0, 0, 4096));
      if (with_fence) value_or_throw(on.wait(user, copied));
      user.submit([] {});
      user.synchronize();
      if (!value_or_throw(on.passed(copied))) ++count;
      until_passed(on, copied);
    }
    value_or_throw(on.retire(user));
  }
  return count;
}

TEST(host_device, jitter_shows_a_missing_fence) {
  EXPECT_GT(overtaken(false), 0);
  EXPECT_EQ(overtaken(true), 0);
}

}  // namespace
}  // namespace tierpager::tests
