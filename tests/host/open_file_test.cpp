#include <host/open_file.hpp>

#include <gtest/gtest.h>

#include <array>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "temporary_folder.hpp"

namespace tierpager {
namespace {

using testing::temporary_folder;

TEST(open_file, keeps_what_it_opened_when_the_name_goes_to_another_file) {
  temporary_folder const folder;
  open_file const file = value_or_throw(open_file::open(folder.write("m", "the old bytes")));
  folder.write("new", "the new and longer bytes");
  std::filesystem::rename(folder.path("new"), folder.path("m"));
  std::array<std::byte, 3> target = {};
  EXPECT_TRUE(file.read(4, target).ok());
  EXPECT_EQ(static_cast<char>(target[0]), 'o');
  EXPECT_EQ(file.bytes(), 13U);
  EXPECT_TRUE(file.unchanged().ok());
}

TEST(open_file, sees_that_it_was_cut_or_grew_or_was_written) {
  temporary_folder const folder;
  open_file const file = value_or_throw(open_file::open(folder.write("m", "0123456789")));
  ASSERT_EQ(::truncate(file.path().c_str(), 4), 0);
  EXPECT_EQ(file.unchanged().error().code, errc::file_truncated);
  std::array<std::byte, 8> target = {};
  failure const why = file.read(0, target).error();
  EXPECT_EQ(why.code, errc::file_truncated);
  EXPECT_EQ(why.byte, 4U);
  ASSERT_EQ(::truncate(file.path().c_str(), 11), 0);
  EXPECT_EQ(file.unchanged().error().code, errc::file_changed);
  ASSERT_EQ(::truncate(file.path().c_str(), 10), 0);
  std::array<timespec, 2> const times = {{{.tv_sec = 1, .tv_nsec = 0}, {.tv_sec = 1, .tv_nsec = 0}}};
  ASSERT_EQ(::utimensat(AT_FDCWD, file.path().c_str(), times.data(), 0), 0);
  EXPECT_EQ(file.unchanged().error().code, errc::file_changed);
}

TEST(open_file, refuses_what_is_not_a_regular_file_and_never_waits_for_a_writer) {
  temporary_folder const folder;
  ASSERT_EQ(::mkfifo(folder.path("fifo").c_str(), 0600), 0);
  for (std::string const& path : {folder.path("fifo"), std::string("/dev/null"), folder.path()}) {
    failure const why = open_file::open(path).error();
    EXPECT_EQ(why.code, errc::malformed_file) << path;
    EXPECT_EQ(why.file, path);
  }
  failure const missing = open_file::open(folder.path("none")).error();
  EXPECT_EQ(missing.code, errc::file_not_found);
  EXPECT_EQ(missing.system_error, ENOENT);
}

TEST(open_file, closes_its_descriptor_once_however_it_moves) {
  temporary_folder const folder;
  int first = -1;
  int second = -1;
  {
    open_file one = value_or_throw(open_file::open(folder.write("a", "a")));
    open_file two = value_or_throw(open_file::open(folder.write("b", "bb")));
    first = one.descriptor();
    second = two.descriptor();
    EXPECT_FALSE(one.same_file(two));
    one = std::move(two);
    EXPECT_EQ(one.path(), folder.path("b"));
    EXPECT_EQ(one.bytes(), 2U);
    open_file const three = std::move(one);
    EXPECT_EQ(three.descriptor(), second);
    EXPECT_TRUE(three.same_file(value_or_throw(open_file::open(folder.path("b")))));
  }
  EXPECT_EQ(::fcntl(first, F_GETFD), -1);
  EXPECT_EQ(::fcntl(second, F_GETFD), -1);
}

}  // namespace
}  // namespace tierpager
