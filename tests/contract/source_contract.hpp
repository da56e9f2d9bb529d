// What every source over files must do, whatever it reads by. A source joins by a type with
// `static std::unique_ptr<source> make(std::vector<open_file>)` and one INSTANTIATE_TYPED_TEST_SUITE_P line.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include <tests/support/scratch_file.hpp>
#include <tierpager/source.hpp>

namespace tierpager::tests {

template <class Maker>
class source_contract : public ::testing::Test {
 protected:
  static constexpr std::size_t large_bytes = 300'007;  // pages and a part of one

  std::unique_ptr<source> make() {
    std::vector<open_file> files;
    for (scratch_file const* each : {&large_, &small_, &empty_}) files.push_back(each->open());
    return Maker::make(std::move(files));
  }

  std::vector<std::byte> const large_content_ = seeded_bytes(large_bytes, 1);
  std::vector<std::byte> const small_content_ = seeded_bytes(5, 2);
  scratch_file const large_{large_content_};
  scratch_file const small_{small_content_};
  scratch_file const empty_{{}};
};
TYPED_TEST_SUITE_P(source_contract);

TYPED_TEST_P(source_contract, reads_exact_bytes_from_any_offset_to_any_address) {
  auto const from = this->make();
  std::vector<std::byte> target(this->large_bytes + 64);
  std::uint64_t const last = this->large_bytes;
  for (std::uint64_t const offset :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{4095}, std::uint64_t{4096}, last - 4097, last - 1})
    for (std::uint64_t bytes : {std::uint64_t{1}, std::uint64_t{7}, std::uint64_t{4096}, std::uint64_t{8193}, last})
      for (std::uint64_t const shift : {std::uint64_t{8}, std::uint64_t{13}}) {
        bytes = std::min(bytes, last - offset);
        std::ranges::fill(target, std::byte{0x77});
        auto const part = std::span(target).subspan(shift, bytes);
        status const done = from->read(0, offset, part);
        ASSERT_TRUE(done.ok()) << done.error().describe();
        ASSERT_TRUE(same_bytes(part, std::span(this->large_content_).subspan(offset, bytes)))
            << bytes << " at " << offset;
        ASSERT_EQ(target[shift - 1], std::byte{0x77});
        ASSERT_EQ(target[shift + bytes], std::byte{0x77});
      }
}

TYPED_TEST_P(source_contract, knows_how_long_its_files_are) {
  auto const from = this->make();
  EXPECT_EQ(from->bytes_of(0), this->large_bytes);
  EXPECT_EQ(from->bytes_of(1), 5U);
  EXPECT_EQ(from->bytes_of(2), 0U);
  EXPECT_EQ(from->bytes_of(3), std::nullopt);
}

TYPED_TEST_P(source_contract, tells_its_files_apart) {
  auto const from = this->make();
  std::vector<std::byte> got(5);
  ASSERT_TRUE(from->read(1, 0, got).ok());
  EXPECT_EQ(got, this->small_content_);
}

TYPED_TEST_P(source_contract, reads_no_bytes_anywhere_in_a_file_and_at_its_end) {
  auto const from = this->make();
  EXPECT_TRUE(from->read(0, 0, {}).ok());
  EXPECT_TRUE(from->read(0, this->large_bytes, {}).ok());
  EXPECT_TRUE(from->read(2, 0, {}).ok());
}

TYPED_TEST_P(source_contract, names_the_first_byte_past_the_end) {
  auto const from = this->make();
  std::vector<std::byte> target(10);
  struct row {
    std::uint32_t file;
    std::uint64_t offset, byte;
  };
  std::uint64_t const last = ~std::uint64_t{0};
  for (row const& each : {row{1, 0, 5}, row{1, 5, 5}, row{1, 4, 5}, row{2, 0, 0}, row{1, 100, 100}, row{1, last, last},
                          row{1, last - 4, last - 4}}) {
    status const done = from->read(each.file, each.offset, target);
    ASSERT_FALSE(done.ok());
    EXPECT_EQ(done.error().code, errc::file_truncated);
    EXPECT_EQ(done.error().byte, each.byte) << each.offset;
    EXPECT_EQ(done.error().file, (each.file == 1 ? this->small_ : this->empty_).path());
  }
}

TYPED_TEST_P(source_contract, refuses_a_file_it_does_not_have) {
  auto const from = this->make();
  std::byte expected{};
  status const done = from->read(3, 0, std::span(&expected, 1));
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code, errc::invalid_argument);
}

TYPED_TEST_P(source_contract, serves_four_threads_at_once) {
  auto const from = this->make();
  std::atomic<int> wrong = 0;
  auto reader = [&](std::uint64_t seed) {
    std::vector<std::byte> target(20'000);
    for (std::uint64_t i = 0; i < 50; ++i) {
      std::uint64_t const offset = (seed * 7919 + i * 5003) % (this->large_bytes - target.size());
      if (!from->read(0, offset, target).ok() ||
          !same_bytes(target, std::span(this->large_content_).subspan(offset, target.size())))
        ++wrong;
    }
  };
  {
    std::vector<std::jthread> readers;
    for (std::uint64_t seed = 0; seed < 4; ++seed) readers.emplace_back(reader, seed);
  }
  EXPECT_EQ(wrong, 0);
}

TYPED_TEST_P(source_contract, reports_a_file_cut_since_it_was_opened) {
  for (std::uint64_t const left :
       {std::uint64_t{299'999}, std::uint64_t{8192}, std::uint64_t{4097}, std::uint64_t{1}, std::uint64_t{0}}) {
    scratch_file const cut(this->large_content_);
    std::vector<open_file> files;
    files.push_back(cut.open());
    auto const from = TypeParam::make(std::move(files));
    std::vector<std::byte> target(this->large_bytes);
    ASSERT_TRUE(from->read(0, 0, target).ok());
    cut.truncate(left);
    for (std::uint64_t const offset : {std::uint64_t{0}, left, this->large_bytes - std::uint64_t{1}}) {
      status const done = from->read(0, offset, std::span(target).subspan(offset));
      ASSERT_FALSE(done.ok()) << left;
      EXPECT_EQ(done.error().code, errc::file_truncated);
      EXPECT_EQ(done.error().file, cut.path());
      EXPECT_TRUE(done.error().byte == left || done.error().byte == offset) << *done.error().byte;
    }
  }
}

TYPED_TEST_P(source_contract, reports_a_file_overwritten_since_it_was_opened) {
  auto const from = this->make();
  std::vector<std::byte> target(100);
  ASSERT_TRUE(from->read(0, 50, target).ok());
  this->large_.overwrite(60, seeded_bytes(10, 3));
  status const done = from->read(0, 50, target);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code, errc::file_changed);
  EXPECT_EQ(done.error().byte, 50U);
  EXPECT_EQ(done.error().file, this->large_.path());
}

TYPED_TEST_P(source_contract, a_cut_under_running_reads_is_an_error_or_the_right_bytes) {
  auto const from = this->make();
  std::atomic<int> reads = 0;
  std::atomic<int> wrong = 0;
  std::atomic<int> truncated = 0;
  auto reader = [&](std::uint64_t offset) {
    std::vector<std::byte> target(this->large_bytes - offset);
    while (true) {
      std::ranges::fill(target, std::byte{});
      status const done = from->read(0, offset, target);
      ++reads;
      if (!done.ok()) {
        if (done.error().code == errc::file_truncated) ++truncated;
        return;
      }
      if (!same_bytes(target, std::span(this->large_content_).subspan(offset))) ++wrong;
    }
  };
  {
    std::vector<std::jthread> readers;
    for (std::uint64_t const offset : {0U, 4096U, 100'001U}) readers.emplace_back(reader, offset);
    while (reads < 20) std::this_thread::yield();
    this->large_.truncate(200'123);
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(truncated, 3);
}

REGISTER_TYPED_TEST_SUITE_P(source_contract, reads_exact_bytes_from_any_offset_to_any_address,
                            knows_how_long_its_files_are, tells_its_files_apart,
                            reads_no_bytes_anywhere_in_a_file_and_at_its_end, names_the_first_byte_past_the_end,
                            refuses_a_file_it_does_not_have, serves_four_threads_at_once,
                            reports_a_file_cut_since_it_was_opened, reports_a_file_overwritten_since_it_was_opened,
                            a_cut_under_running_reads_is_an_error_or_the_right_bytes);

}  // namespace tierpager::tests
