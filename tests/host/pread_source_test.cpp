#include <host/pread_source.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cerrno>

#include <unistd.h>

#include <tests/support/scratch_file.hpp>

namespace tierpager::tests {
namespace {

class pread_source_faults : public ::testing::Test {
 protected:
  pread_source make(pread_function read_at) {
    std::vector<open_file> files;
    files.push_back(file_.open());
    return {std::move(files), std::move(read_at)};
  }
  [[nodiscard]] std::span<std::byte const> content(std::size_t offset) const {
    return std::span(content_).subspan(offset, target_.size());
  }

  std::vector<std::byte> const content_ = seeded_bytes(50'000, 1);
  scratch_file const file_{content_};
  std::vector<std::byte> target_ = std::vector<std::byte>(10'000);
};

TEST_F(pread_source_faults, reports_every_error_of_the_system_with_its_byte) {
  for (int code = 1; code < 134; ++code) {
    if (code == EINTR) continue;
    int calls = 0;
    auto from = make([&](int descriptor, void* target, std::size_t, off_t offset) -> ssize_t {
      if (++calls == 1) return ::pread(descriptor, target, 1000, offset);
      errno = code;
      return -1;
    });
    status const done = from.read(0, 500, target_);
    ASSERT_FALSE(done.ok());
    EXPECT_EQ(done.error().code, errc::read_failed);
    EXPECT_EQ(done.error().system_error, code);
    EXPECT_EQ(done.error().byte, 1500U);
    EXPECT_EQ(done.error().file, file_.path());
    EXPECT_EQ(calls, 2);
  }
}

TEST_F(pread_source_faults, puts_short_reads_together_and_never_asks_for_more_than_is_left) {
  std::size_t left = target_.size();
  auto from = make([&](int descriptor, void* target, std::size_t bytes, off_t offset) {
    EXPECT_EQ(bytes, left);
    --left;
    return ::pread(descriptor, target, 1, offset);
  });
  ASSERT_TRUE(from.read(0, 77, target_).ok());
  EXPECT_TRUE(std::ranges::equal(target_, content(77)));
}

TEST_F(pread_source_faults, asks_again_after_every_interruption) {
  int calls = 0;
  auto from = make([&](int descriptor, void* target, std::size_t bytes, off_t offset) -> ssize_t {
    if (++calls % 1000 != 0) {
      errno = EINTR;
      return -1;
    }
    return ::pread(descriptor, target, std::min<std::size_t>(bytes, 999), offset);
  });
  ASSERT_TRUE(from.read(0, 3, target_).ok());
  EXPECT_TRUE(std::ranges::equal(target_, content(3)));
  EXPECT_EQ(calls, 11'000);
}

TEST_F(pread_source_faults, an_end_in_the_middle_names_the_byte_where_the_file_ended) {
  int calls = 0;
  auto from = make([&](int descriptor, void* target, std::size_t, off_t offset) -> ssize_t {
    return ++calls == 1 ? ::pread(descriptor, target, 4000, offset) : 0;
  });
  status const done = from.read(0, 100, target_);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code, errc::file_truncated);
  EXPECT_EQ(done.error().byte, 4100U);
}

TEST_F(pread_source_faults, a_file_cut_between_two_pieces_is_truncated) {
  auto from = make([&](int descriptor, void* target, std::size_t, off_t offset) {
    ssize_t const got = ::pread(descriptor, target, 6000, offset);
    file_.truncate(3000);
    return got;
  });
  status const done = from.read(0, 0, target_);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code, errc::file_truncated);
  EXPECT_EQ(done.error().byte, 6000U);
}

TEST_F(pread_source_faults, a_file_cut_after_its_last_piece_is_truncated_all_the_same) {
  auto from = make([&](int descriptor, void* target, std::size_t bytes, off_t offset) {
    ssize_t const got = ::pread(descriptor, target, bytes, offset);
    file_.truncate(3000);
    return got;
  });
  status const done = from.read(0, 0, target_);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code, errc::file_truncated);
  EXPECT_EQ(done.error().byte, 3000U);
}

TEST_F(pread_source_faults, a_file_overwritten_while_it_is_read_has_changed) {
  auto from = make([&](int descriptor, void* target, std::size_t bytes, off_t offset) {
    ssize_t const got = ::pread(descriptor, target, bytes, offset);
    file_.overwrite(0, seeded_bytes(4, 2));
    return got;
  });
  status const done = from.read(0, 200, target_);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code, errc::file_changed);
  EXPECT_EQ(done.error().byte, 200U);
}

}  // namespace
}  // namespace tierpager::tests
