#include <core/printable.hpp>

#include <gtest/gtest.h>

namespace tierpager {
namespace {

TEST(printable, keeps_what_a_reader_sees) {
  std::string const seen = "blk.0 naïve 層 é ～ \"'\\";
  EXPECT_EQ(printable(seen), seen);
}

TEST(printable, writes_out_what_a_terminal_would_obey) {
  EXPECT_EQ(printable("a\x1b[2Jb\n\r\t\x7f"), "a\\x1b[2Jb\\x0a\\x0d\\x09\\x7f");
  EXPECT_EQ(printable(std::string("\0", 1)), "\\x00");
  EXPECT_EQ(printable("\u009b2J\u0085"), "\\u009b2J\\u0085");
}

TEST(printable, writes_out_what_reorders_hides_or_breaks_a_line) {
  EXPECT_EQ(printable("\u202egpj.\u2066x\u2069"), "\\u202egpj.\\u2066x\\u2069");
  EXPECT_EQ(printable("a\u200bb\u200dc\ufeffd\u00ade\u2060"), "a\\u200bb\\u200dc\\ufeffd\\u00ade\\u2060");
  EXPECT_EQ(printable("a\u2028b\u2029"), "a\\u2028b\\u2029");
  EXPECT_EQ(printable("\U000e0041"), "\\U000e0041");
}

TEST(printable, writes_out_bytes_that_are_no_utf_8) {
  EXPECT_EQ(printable("\xff\xc3"), "\\xff\\xc3");
  EXPECT_EQ(printable("\xc0\x9b\xed\xa0\x80\xf4\x90\x80\x80"), "\\xc0\\x9b\\xed\\xa0\\x80\\xf4\\x90\\x80\\x80");
  EXPECT_EQ(printable("\x9b"), "\\x9b");
}

TEST(shortened, says_how_much_it_left_out) {
  EXPECT_EQ(shortened("short", 64), "short");
  std::string const long_name(65'535, 'x');
  std::string const cut = shortened(long_name, 100);
  EXPECT_LE(cut.size(), 100U);
  EXPECT_EQ(cut, std::string(30, 'x') + "...[65475 bytes left out]..." + std::string(30, 'x'));
}

TEST(shortened, cuts_no_character_in_two) {
  std::string letters;
  for (int i = 0; i < 1000; ++i) letters += "層";
  for (std::size_t bytes = 64; bytes < 70; ++bytes) {
    std::string const cut = shortened(letters, bytes);
    EXPECT_LE(cut.size(), bytes);
    EXPECT_EQ(printable(cut), cut);
  }
}

}  // namespace
}  // namespace tierpager
