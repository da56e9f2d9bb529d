#include <tests/support/faulty_device.hpp>
#include <tests/support/faulty_source.hpp>
#include <tests/support/gated_source.hpp>

#include <gtest/gtest.h>

#include <thread>

#include <host/host_device.hpp>
#include <host/pread_source.hpp>
#include <tests/support/scratch_file.hpp>

namespace tierpager::tests {
namespace {

std::shared_ptr<source> pread_of(scratch_file const& file) {
  std::vector<open_file> files;
  files.push_back(file.open());
  return std::make_shared<pread_source>(std::move(files));
}

struct faulty_source_test : ::testing::Test {
  std::vector<std::byte> const content = seeded_bytes(100, 1);
  scratch_file const file{content};
  std::vector<std::byte> target = std::vector<std::byte>(100);
};

TEST_F(faulty_source_test, fails_one_call_or_all_from_one_on_until_lifted) {
  faulty_source from(pread_of(file));
  from.fail({.at_call = 2});
  EXPECT_TRUE(from.read(0, 0, target).ok());
  status const failed = from.read(0, 7, std::span(target).first(5));
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code, errc::read_failed);
  EXPECT_EQ(failed.error().byte, 7U);
  EXPECT_TRUE(from.read(0, 0, target).ok());
  from.fail({.at_call = 1, .for_ever = true, .why = failure{.code = errc::file_changed, .what = "changed"}});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(from.read(0, 0, target).error().code, errc::file_changed);
  from.lift();
  EXPECT_TRUE(from.read(0, 0, target).ok());
  EXPECT_EQ(from.calls(), 7U);
  EXPECT_EQ(from.failed(), 4U);
  EXPECT_EQ(target, content);
}

TEST_F(faulty_source_test, a_failed_read_leaves_rubbish_or_the_bytes_as_asked) {
  faulty_source from(pread_of(file));
  from.fail({});
  EXPECT_FALSE(from.read(0, 0, target).ok());
  EXPECT_NE(target, content);
  from.fail({.carried_out = true});
  EXPECT_FALSE(from.read(0, 0, target).ok());
  EXPECT_EQ(target, content);
}

TEST_F(faulty_source_test, a_gate_holds_reads_and_counts_them_by_extent) {
  gated_source from(pread_of(file));
  from.hold();
  std::vector<std::byte> other(10);
  std::jthread first([&] { EXPECT_TRUE(from.read(0, 0, target).ok()); });
  std::jthread second([&] { EXPECT_TRUE(from.read(0, 50, other).ok()); });
  from.wait_for_held(2);
  from.let_pass(1);
  from.let_pass(1);
  first.join();
  second.join();
  std::jthread third([&] { EXPECT_TRUE(from.read(0, 50, other).ok()); });
  from.wait_for_held(1);
  from.release();
  third.join();
  EXPECT_TRUE(from.read(0, 0, target).ok());
  EXPECT_EQ(from.reads(), 4U);
  EXPECT_EQ(from.reads_at(0, 0), 2U);
  EXPECT_EQ(from.reads_at(0, 50), 2U);
  EXPECT_EQ(from.reads_at(0, 51), 0U);
  EXPECT_EQ(target, content);
}

struct faulty_device_test : ::testing::Test {
  faulty_device on{std::make_shared<host_device>()};
  std::byte* vram = value_or_throw(on.reserve(tier::vram, 4096));
  std::byte* ram = value_or_throw(on.reserve(tier::ram, 4096));
  stream_ref mine = value_or_throw(on.make_stream());

  void SetUp() override {
    value_or_throw(on.commit(tier::vram, {0, 4096}));
    value_or_throw(on.commit(tier::ram, {0, 4096}));
    ram[0] = std::byte{9};
  }
  std::uint64_t first_word() {
    fence last = value_or_throw(on.copy_async(8, 8, 8));  // behind every copy made so far
    value_or_throw(on.wait(mine, last));
    return value_or_throw(on.read_back(mine, vram));
  }
};

TEST_F(faulty_device_test, counts_and_fails_one_kind_of_call_only) {
  on.fail({.at_call = 2, .only = device_call::record});
  EXPECT_TRUE(on.record(mine).ok());
  EXPECT_TRUE(on.copy_async(0, 0, 8).ok());
  EXPECT_EQ(on.record(mine).error().code, errc::device_failed);
  EXPECT_TRUE(on.record(mine).ok());
  EXPECT_EQ(on.calls(device_call::record), 3U);
  EXPECT_EQ(on.calls(device_call::copy_async), 1U);
  EXPECT_EQ(on.calls(), 9U);
  EXPECT_EQ(on.failed(), 1U);
}

TEST_F(faulty_device_test, a_failed_copy_was_made_or_not_as_asked) {
  on.fail({.only = device_call::copy_async});
  EXPECT_FALSE(on.copy_async(0, 0, 8).ok());
  EXPECT_EQ(first_word(), 0U);
  on.fail({.only = device_call::copy_async, .carried_out = true});
  EXPECT_FALSE(on.copy_async(0, 0, 8).ok());
  EXPECT_EQ(first_word(), 9U);
}

TEST_F(faulty_device_test, a_lost_device_fails_every_call_for_good) {
  fence const before = value_or_throw(on.record(mine));
  on.lose();
  on.lift();
  EXPECT_EQ(on.free_vram_bytes().error().code, errc::device_lost);
  EXPECT_EQ(on.reserve(tier::ram, 4096).error().code, errc::device_lost);
  EXPECT_EQ(on.commit(tier::ram, {0, 4096}).error().code, errc::device_lost);
  EXPECT_EQ(on.decommit(tier::ram, {0, 4096}).error().code, errc::device_lost);
  EXPECT_EQ(on.copy_async(0, 0, 8).error().code, errc::device_lost);
  EXPECT_EQ(on.record(mine).error().code, errc::device_lost);
  EXPECT_EQ(on.wait(mine, before).error().code, errc::device_lost);
  EXPECT_EQ(on.passed(before).error().code, errc::device_lost);
  EXPECT_EQ(on.retire(mine).error().code, errc::device_lost);
  EXPECT_EQ(on.checksum_async(mine, {vram, 8}, vram, {}).error().code, errc::device_lost);
  EXPECT_EQ(on.read_back(mine, vram).error().code, errc::device_lost);
  EXPECT_EQ(on.make_stream().error().code, errc::device_lost);
}

}  // namespace
}  // namespace tierpager::tests
