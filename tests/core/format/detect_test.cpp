#include <core/format/detect.hpp>

#include <gtest/gtest.h>

#include "format_bytes.hpp"

namespace tierpager {
namespace {

TEST(detect, believes_the_bytes_before_the_name) {
  std::string const safetensors = testing::safetensors_file("{}", 0);
  EXPECT_EQ(detect_format("GGUF\x03", "model.safetensors"), model_format::gguf);
  EXPECT_EQ(detect_format(safetensors, "model.gguf"), model_format::safetensors);
  EXPECT_EQ(detect_format("GGXF............", "model.gguf"), model_format::gguf);
  EXPECT_EQ(detect_format("", "model.safetensors"), model_format::safetensors);
  EXPECT_EQ(detect_format("{\"metadata\": {}", "model.safetensors.index.json"), model_format::shard_index);
  EXPECT_EQ(detect_format(" {\"tensors\": []", "m"), model_format::manifest);
  EXPECT_EQ(detect_format("PK\x03\x04", "pytorch_model.bin"), model_format::unknown);
}

TEST(detect, takes_a_split_name_apart_and_together_again) {
  auto const part = parse_split_name("m-q4-00002-of-00013.gguf");
  ASSERT_EQ(part, (split_name{.stem = "m-q4", .number = 1, .count = 13}));
  EXPECT_EQ(to_string(*part), "m-q4-00002-of-00013.gguf");
  for (std::string_view const bad : {"m.gguf", "-00001-of-00002.ggu", "m-00000-of-00002.gguf", "m-00003-of-00002.gguf",
                                     "m-0000a-of-00002.gguf", "m-00001_of-00002.gguf", "m-1-of-2.gguf", ""})
    EXPECT_EQ(parse_split_name(bad), std::nullopt) << bad;
}

}  // namespace
}  // namespace tierpager
