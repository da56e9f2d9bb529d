// Our own CUDA headers against the toolkit's.
#include <gtest/gtest.h>

#include <algorithm>

#include <tests/cuda_standin/declared_by.hpp>

namespace tierpager::cuda_standin {
namespace {

TEST(cuda_declarations, agree_with_the_toolkit) {
  declarations const ours = declared_by_us();
  declarations const theirs = declared_by_toolkit();
  EXPECT_TRUE(std::ranges::count(ours, std::string("cuMemMap"), &declarations::value_type::first) == 1);
  ASSERT_EQ(ours.size(), theirs.size());
  for (std::size_t i = 0; i != ours.size(); ++i) EXPECT_EQ(ours[i], theirs[i]) << ours[i].first;
}

}  // namespace
}  // namespace tierpager::cuda_standin
