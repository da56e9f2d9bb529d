// What 100 % of a tier counts: places and scratch, in whole granules, and what the device holds beside them.
#include <core/residency/whole_model.hpp>

#include <gtest/gtest.h>

#include <tests/support/pattern_model.hpp>

namespace tierpager::test {
namespace {

TEST(whole_model, counts_places_and_scratch_in_whole_granules) {
  std::uint64_t const sizes[] = {1, 256, 257, 0, 5000};  // in VRAM 256, 256, 512, 0, 5120: 6144
  catalog const tensors = make_pattern_model(sizes).tensors;
  tier_options vram{.granule_bytes = 4096, .align_bytes = 256};
  EXPECT_EQ(whole_model_bytes(tensors, vram, 0), 8192U);
  EXPECT_EQ(whole_model_bytes(tensors, vram, 2048), 8192U);
  EXPECT_EQ(whole_model_bytes(tensors, vram, 2049), 12288U);
  vram.overhead_bytes = 100;
  EXPECT_EQ(whole_model_bytes(tensors, vram, 0), 8292U);
  EXPECT_EQ(whole_model_bytes(tensors, {.granule_bytes = 4096, .align_bytes = 4096}, 0), 5U * 4096);
  EXPECT_EQ(whole_model_bytes(tensors, {.granule_bytes = 128, .align_bytes = 256}, 0), 5888U);  // to 128 bytes each
}

}  // namespace
}  // namespace tierpager::test
