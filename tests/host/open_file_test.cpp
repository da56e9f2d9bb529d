#include <host/open_file.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <functional>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "temporary_folder.hpp"

namespace tierpager {
namespace {

using ::testing::HasSubstr;
using testing::temporary_folder;

TEST(open_file, reads_what_it_opened_when_the_name_goes_to_another_file_and_says_that_it_did) {
  temporary_folder const folder;
  open_file const file = value_or_throw(open_file::open(folder.write("m", "the old bytes")));
  EXPECT_TRUE(file.unchanged().ok());
  folder.write("new", "the new and longer bytes");
  std::filesystem::rename(folder.path("new"), folder.path("m"));
  std::array<std::byte, 3> target = {};
  EXPECT_TRUE(file.read(4, target).ok());
  EXPECT_EQ(static_cast<char>(target[0]), 'o');
  EXPECT_EQ(file.bytes(), 13U);
  failure const why = file.unchanged().error();
  EXPECT_EQ(why.code, errc::file_changed);
  EXPECT_THAT(why.what, HasSubstr("another file, of another inode, took its name"));
}

// A change within one tick of the file system's clock cannot be told by its times.
void let_the_clock_tick(std::string const& folder) {
  auto const time_of = [&](std::string const& path) {
    std::ofstream(path) << "x";
    struct stat info = {};
    EXPECT_EQ(::stat(path.c_str(), &info), 0);
    return std::pair(info.st_ctim.tv_sec, info.st_ctim.tv_nsec);
  };
  auto const begin = time_of(folder + "/tick");
  while (time_of(folder + "/tick") == begin) {
  }
}

struct change {
  std::string name;
  std::function<void(std::string const& path)> make;
  errc code;
  std::vector<std::string> says;
};

std::vector<change> changes() {
  auto const overwrite = [](std::string const& path) { std::fstream(path) << "zeros"; };
  auto const overwrite_and_put_time_back = [=](std::string const& path) {
    auto const before = std::filesystem::last_write_time(path);
    overwrite(path);
    std::filesystem::last_write_time(path, before);
  };
  return {
      {"cut", [](auto const& path) { std::filesystem::resize_file(path, 4); }, errc::file_truncated, {"cut short"}},
      {"grown",
       [](auto const& path) { std::filesystem::resize_file(path, 11); },
       errc::file_changed,
       {"size (10 to 11 bytes)", "modification time", "change time"}},
      {"overwritten", overwrite, errc::file_changed, {"modification time", "change time"}},
      {"overwritten, its time put back", overwrite_and_put_time_back, errc::file_changed, {": change time"}},
      {"touched",
       [](auto const& path) { EXPECT_EQ(::utimensat(AT_FDCWD, path.c_str(), nullptr, 0), 0); },
       errc::file_changed,
       {"modification time"}},
      {"deleted",
       [](auto const& path) { std::filesystem::remove(path); },
       errc::file_changed,
       {"it was deleted", "number of names"}},
      {"linked",
       [](auto const& path) { std::filesystem::create_hard_link(path, path + ".link"); },
       errc::file_changed,
       {"number of names", "change time"}},
      {"chmod",
       [](auto const& path) { EXPECT_EQ(::chmod(path.c_str(), 0600), 0); },
       errc::file_changed,
       {"permissions"}},
      {"renamed",
       [](auto const& path) { std::filesystem::rename(path, path + ".old"); },
       errc::file_changed,
       {"renamed", "change time"}},
  };
}

TEST(open_file, says_what_changed_since_it_was_opened) {
  for (change const& each : changes()) {
    SCOPED_TRACE(each.name);
    temporary_folder const folder;
    std::string const path = folder.write("m", "0123456789");
    std::filesystem::permissions(path, std::filesystem::perms(0644));
    open_file const file = value_or_throw(open_file::open(path));
    EXPECT_TRUE(file.unchanged().ok());
    let_the_clock_tick(folder.path());
    EXPECT_TRUE(file.unchanged().ok());
    each.make(path);
    failure const why = file.unchanged().error();
    EXPECT_EQ(why.code, each.code);
    EXPECT_EQ(why.file, path);
    for (std::string const& words : each.says) EXPECT_THAT(why.what, HasSubstr(words));
  }
}

TEST(open_file, names_the_byte_at_which_it_was_cut) {
  temporary_folder const folder;
  open_file const file = value_or_throw(open_file::open(folder.write("m", "0123456789")));
  ASSERT_EQ(::truncate(file.path().c_str(), 4), 0);
  EXPECT_EQ(file.unchanged().error().byte, 4U);
  std::array<std::byte, 8> target = {};
  failure const why = file.read(0, target).error();
  EXPECT_EQ(why.code, errc::file_truncated);
  EXPECT_EQ(why.byte, 4U);
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
    open_file file = value_or_throw(open_file::open(folder.write("a", "a")));
    open_file two = value_or_throw(open_file::open(folder.write("b", "bb")));
    first = file.descriptor();
    second = two.descriptor();
    EXPECT_FALSE(file.same_file(two));
    file = std::move(two);
    EXPECT_EQ(file.path(), folder.path("b"));
    EXPECT_EQ(file.bytes(), 2U);
    open_file const three = std::move(file);
    EXPECT_EQ(three.descriptor(), second);
    EXPECT_TRUE(three.same_file(value_or_throw(open_file::open(folder.path("b")))));
  }
  EXPECT_EQ(::fcntl(first, F_GETFD), -1);
  EXPECT_EQ(::fcntl(second, F_GETFD), -1);
}

}  // namespace
}  // namespace tierpager
