#include <core/format/names.hpp>

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace tierpager {
namespace {

TEST(names, find_the_byte_where_text_stops_being_utf8) {
  EXPECT_EQ(find_invalid_utf8("blk.\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xef\xbf\xbf\xf4\x8f\xbf\xbf"), std::nullopt);
  for (std::string_view const bad :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80", "\xff", "\xc3", "\xe2\x82", "\xf0\x9f\x98", "\xe2(\xa1"})
    EXPECT_EQ(find_invalid_utf8("ab" + std::string(bad)), 2U) << ::testing::PrintToString(bad);
}

TEST(names, keep_a_file_inside_its_directory) {
  for (std::string_view const good : {"a", "model-00001-of-00002.safetensors", "...", "..a", " "})
    EXPECT_TRUE(is_plain_file_name(good)) << good;
  for (std::string_view const bad : {"", ".", "..", "/etc/passwd", "../a", "a/b", "a/", "a\\b", "..\\a"})
    EXPECT_FALSE(is_plain_file_name(bad)) << bad;
  EXPECT_FALSE(is_plain_file_name(std::string_view("a\0b", 3)));
}

TEST(names, keep_a_path_inside_its_directory_and_make_it_one) {
  for (auto const& [name, path] : {std::pair{"a", "a"}, {"./a", "a"}, {"x/./y/a.b", "x/y/a.b"}, {"..a/...", "..a/..."}})
    EXPECT_EQ(path_inside(name), path) << name;
  for (std::string_view const bad :
       {"", ".", "..", "./", "/a", "./..", "x/../a", "../a", "a/", "a//b", "//a", "a/.", "a\\b", "x/..\\a"})
    EXPECT_EQ(path_inside(bad), std::nullopt) << bad;
  EXPECT_EQ(path_inside(std::string_view("x/a\0b", 5)), std::nullopt);
}

TEST(names, find_the_first_that_was_there_before) {
  EXPECT_EQ(find_duplicate(std::array<std::string_view, 3>{"a", "b", "aa"}), std::nullopt);
  EXPECT_EQ(find_duplicate(std::array<std::string_view, 5>{"b", "a", "c", "a", "b"}), 3U);
}

}  // namespace
}  // namespace tierpager
