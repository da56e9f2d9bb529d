#include <core/glob.hpp>

#include <string>

#include <gtest/gtest.h>

namespace tierpager {
namespace {

TEST(glob, matches_whole_names) {
  EXPECT_TRUE(matches_glob("blk.0.attn_q.weight", "blk.*.attn_?.weight"));
  EXPECT_TRUE(matches_glob("blk.0.attn_q.weight", "*"));
  EXPECT_TRUE(matches_glob("", "*"));
  EXPECT_TRUE(matches_glob("", ""));
  EXPECT_TRUE(matches_glob("a/b/.c", "a*c"));
  EXPECT_TRUE(matches_glob("aXbXb", "a*Xb"));
  EXPECT_TRUE(matches_glob("ab", "a**b*"));
  EXPECT_FALSE(matches_glob("blk.0", "blk."));
  EXPECT_FALSE(matches_glob("blk.", "blk.?"));
  EXPECT_FALSE(matches_glob("a", ""));
}

TEST(glob, matches_one_of_a_set) {
  EXPECT_TRUE(matches_glob("w2", "w[123]"));
  EXPECT_TRUE(matches_glob("w2", "w[1-3]"));
  EXPECT_FALSE(matches_glob("w4", "w[1-3]"));
  EXPECT_TRUE(matches_glob("w4", "w[!1-3]"));
  EXPECT_TRUE(matches_glob("w4", "w[^1-3]"));
  EXPECT_TRUE(matches_glob("w]", "w[]]"));
  EXPECT_TRUE(matches_glob("w-", "w[a-]"));
  EXPECT_TRUE(matches_glob("x[3]", "x[[]3]"));
  EXPECT_TRUE(matches_glob("x[3]", "x\\[3\\]"));
  EXPECT_TRUE(matches_glob("x[3", "x[3"));  // nothing closes it
  EXPECT_TRUE(matches_glob("l7", "l[[:digit:]]"));
  EXPECT_TRUE(matches_glob("l_", "l[_[:alpha:]]"));
  EXPECT_FALSE(matches_glob("l7", "l[_[:alpha:]]"));
  EXPECT_TRUE(matches_glob("*", "\\*"));
  EXPECT_FALSE(matches_glob("a", "\\*"));
}

TEST(glob, takes_a_character_for_one_whatever_its_bytes) {
  EXPECT_TRUE(matches_glob("naïve.é", "naïve.?"));
  EXPECT_TRUE(matches_glob("naïve.é", "na?ve.?"));
  EXPECT_FALSE(matches_glob("naïve.é", "naïve.??"));
  EXPECT_TRUE(matches_glob("層.3", "[層座].*"));
  EXPECT_TRUE(matches_glob("б", "[а-я]"));
  EXPECT_FALSE(matches_glob("z", "[а-я]"));
  EXPECT_TRUE(matches_glob("a\xff", "a?"));
  EXPECT_FALSE(matches_glob("\xc3\xbf", "\xff"));  // a letter, and a byte that is none
}

// With backtracking that doubles at each star this would not end.
TEST(glob, takes_no_time_to_speak_of_for_many_stars) {
  std::string stars;
  for (int i = 0; i < 100; ++i) stars += "a*";
  EXPECT_FALSE(matches_glob(std::string(10'000, 'a'), stars + "b"));
}

}  // namespace
}  // namespace tierpager
