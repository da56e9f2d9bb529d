// Uses of stages alone: fences of their own making, and who waits for them.
#include <gmock/gmock.h>

#include <core/residency/stage_uses.hpp>

namespace tierpager::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(stage_uses, are_fences_that_never_come_twice) {
  stage_uses uses;
  fence const first = uses.begin();
  fence const second = uses.begin();
  EXPECT_NE(first.stream, second.stream) << "they may end in any order";
  EXPECT_FALSE(uses.over(first) || uses.over(second));
  EXPECT_THAT(uses.end(second), IsEmpty());
  EXPECT_TRUE(uses.over(second));
  fence const third = uses.begin();
  EXPECT_EQ(third.stream, second.stream);
  EXPECT_GT(third.sequence, second.sequence);
  EXPECT_TRUE(uses.over(second));
  EXPECT_FALSE(uses.over(third) || uses.over(first));
}

TEST(stage_uses, name_the_loads_that_waited_in_the_order_in_which_they_began_to) {
  stage_uses uses;
  fence const use = uses.begin();
  fence const other = uses.begin();
  uses.wait(tensor_id{3}, use);
  uses.wait(tensor_id{1}, use);
  uses.wait(tensor_id{2}, other);
  EXPECT_THAT(uses.end(use), ElementsAre(tensor_id{3}, tensor_id{1}));
  EXPECT_THAT(uses.end(other), ElementsAre(tensor_id{2}));
}

}  // namespace
}  // namespace tierpager::test
