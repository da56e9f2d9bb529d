// Uses without a fence, alone: kept by key until proved, and put into words.
#include <gmock/gmock.h>

#include <core/residency/unproven_uses.hpp>

namespace tierpager::test {
namespace {

using testing::ElementsAre;

failure because(std::string const& what) { return {.code = errc::device_failed, .what = what}; }

TEST(unproven_uses, are_proved_by_their_key_once_for_each_use) {
  unproven_uses uses;
  uses.add(tensor_id{4}, 1, because("a"));
  uses.add(tensor_id{5}, 2, because("b"));
  uses.add(tensor_id{4}, 1, because("c"));
  uses.add(tensor_id{4}, 3, because("d"));
  EXPECT_THAT(uses.prove(1), ElementsAre(tensor_id{4}, tensor_id{4}));
  EXPECT_TRUE(uses.contains(tensor_id{4})) << "under another key";
  EXPECT_THAT(uses.tensors(), ElementsAre(tensor_id{5}, tensor_id{4}));
  EXPECT_THAT(uses.prove(9), ElementsAre());
  (void)uses.prove(2), (void)uses.prove(3);
  EXPECT_TRUE(uses.empty());
}

TEST(unproven_uses, say_how_many_they_are_and_the_first_failure) {
  unproven_uses uses;
  EXPECT_EQ(uses.in_words(), "");
  uses.add(tensor_id{4}, 1, because("the stream is gone"));
  EXPECT_EQ(uses.in_words(), "; no fence could be recorded behind 1 use: the stream is gone");
  uses.add(tensor_id{5}, 2, because("and so is the device"));
  EXPECT_EQ(uses.in_words(), "; no fence could be recorded behind 2 uses: the stream is gone");
}

}  // namespace
}  // namespace tierpager::test
