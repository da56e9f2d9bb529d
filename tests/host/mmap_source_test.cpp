#include <host/mmap_source.hpp>

#include <gtest/gtest.h>

#include <sys/mman.h>
#include <unistd.h>

#include <tests/support/scratch_file.hpp>

namespace tierpager::tests {
namespace {

std::vector<open_file> opened(scratch_file const& file) {
  std::vector<open_file> files;
  files.push_back(file.open());
  return files;
}

class mmap_source_by : public ::testing::TestWithParam<mapped_copy> {};

TEST_P(mmap_source_by, uses_the_call_it_was_told_to) {
  scratch_file const file(seeded_bytes(10, 1));
  EXPECT_EQ(value_or_throw(mmap_source::open(opened(file), GetParam()))->copies_by(), GetParam());
}

TEST_P(mmap_source_by, a_lost_page_is_an_error_at_its_byte) {
  auto const page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  scratch_file const file(seeded_bytes(8 * page_bytes, 1));
  auto const from = value_or_throw(mmap_source::open(opened(file), GetParam()));
  file.truncate(3 * page_bytes);
  std::vector<std::byte> target(8 * page_bytes);
  for (std::uint64_t const offset : {std::uint64_t{0}, 3 * page_bytes, 7 * page_bytes + 1}) {
    status const done = from->read(0, offset, std::span(target).subspan(offset));
    ASSERT_FALSE(done.ok());
    EXPECT_EQ(done.error().code, errc::file_truncated);
    EXPECT_EQ(done.error().byte, 3 * page_bytes);
  }
}

TEST_P(mmap_source_by, zeros_behind_a_cut_within_a_page_are_not_taken_for_bytes) {
  scratch_file const file(seeded_bytes(5000, 1));
  auto const from = value_or_throw(mmap_source::open(opened(file), GetParam()));
  file.truncate(4900);
  std::vector<std::byte> target(50);
  status const done = from->read(0, 4940, target);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code, errc::file_truncated);
  EXPECT_EQ(done.error().byte, 4900U);
}

TEST_P(mmap_source_by, a_file_cut_and_made_whole_again_has_changed) {
  auto const page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  scratch_file const file(seeded_bytes(4 * page_bytes, 1));
  auto const from = value_or_throw(mmap_source::open(opened(file), GetParam()));
  file.truncate(0);
  file.truncate(4 * page_bytes);  // zeros now
  file.overwrite(0, {});
  std::vector<std::byte> target(100);
  status const done = from->read(0, 2 * page_bytes, target);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code, errc::file_changed);
  EXPECT_EQ(done.error().byte, 2 * page_bytes);
}

INSTANTIATE_TEST_SUITE_P(every_call, mmap_source_by,
                         ::testing::Values(mapped_copy::process_vm_readv, mapped_copy::proc_self_mem));

TEST(mmap_source, chooses_a_call_by_itself) {
  scratch_file const file(seeded_bytes(10, 1));
  EXPECT_NE(value_or_throw(mmap_source::open(opened(file)))->copies_by(), mapped_copy::automatic);
}

TEST(mmap_source, a_refused_mapping_names_its_file) {
  scratch_file const file(seeded_bytes(10, 1));
  std::vector<open_file> files = opened(file);
  ASSERT_EQ(::close(files[0].descriptor()), 0);  // a system that refuses
  auto const from = mmap_source::open(std::move(files));
  ASSERT_FALSE(from.ok());
  EXPECT_EQ(from.error().code, errc::read_failed);
  EXPECT_EQ(from.error().file, file.path());
  EXPECT_NE(from.error().system_error, 0);
}

}  // namespace
}  // namespace tierpager::tests
