#include <tierpager/error.hpp>

#include <gtest/gtest.h>

namespace tierpager {
namespace {

TEST(error, names_file_tensor_and_byte_in_one_line) {
  failure const cut{
      .code = errc::file_truncated, .what = "was cut short", .file = "m.gguf", .tensor = "a.b", .byte = 17};
  EXPECT_EQ(cut.describe(), "m.gguf: tensor 'a.b': was cut short, at byte 17");
  failure const refused{.code = errc::read_failed, .what = "cannot be read", .file = "m", .system_error = 5};
  EXPECT_EQ(refused.describe(), "m: cannot be read (Input/output error)");
  EXPECT_EQ((failure{.code = errc::closed, .what = ""}.describe()), "closed");
}

TEST(error, keeps_a_hostile_name_on_its_line) {
  failure const odd{.code = errc::malformed_file, .what = "is there twice", .tensor = "a\n\x1b[2Jb"};
  EXPECT_EQ(odd.describe(), "tensor 'a\\x0a\\x1b[2Jb': is there twice");
}

TEST(error, is_a_line_of_bounded_length) {
  std::string const name(65'535, '\n');
  failure const why{.code = errc::malformed_file, .what = "no tensor '" + name + "'", .file = name, .tensor = name};
  EXPECT_LT(why.describe().size(), 8192U);
  failure const short_of_it{.code = errc::unknown_tensor, .what = "why", .file = std::string(4096, 'f'), .tensor = "t"};
  EXPECT_EQ(short_of_it.describe(), std::string(4096, 'f') + ": tensor 't': why");
}

TEST(error, is_told_apart_by_its_code) {
  error const thrown(failure{.code = errc::device_lost, .what = "gone"});
  EXPECT_EQ(thrown.code(), errc::device_lost);
  EXPECT_STREQ(thrown.what(), "gone");
  EXPECT_EQ(thrown.code().category().name(), std::string("tierpager"));
}

}  // namespace
}  // namespace tierpager
