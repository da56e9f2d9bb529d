#include <core/format/detect.hpp>

#include <gtest/gtest.h>

#include "format_bytes.hpp"

namespace tierpager {
namespace {

TEST(detect, believes_the_bytes_before_the_name) {
  std::string const safetensors = testing::safetensors_file("{}", 0);
  EXPECT_EQ(detect_format("GGUF\x03", "model.safetensors"), model_format::gguf);
  EXPECT_EQ(detect_format(safetensors, "model.gguf"), model_format::safetensors);
  EXPECT_EQ(detect_format("GGXF............", "model.GGUF"), model_format::gguf);
  EXPECT_EQ(detect_format("", "model.SafeTensors"), model_format::safetensors);
  EXPECT_EQ(detect_format("{\"metadata\": {}", "model"), model_format::json);
  EXPECT_EQ(detect_format("PK\x03\x04", "pytorch_model.bin"), model_format::pickle);
  EXPECT_EQ(detect_format("PK\x03\x04", "model.safetensors"), model_format::pickle);
  EXPECT_EQ(detect_format("\x80\x02}q\x01(X\x0a\x02\x03\x04\x05\x06\x07\x08\x09", "a.pt"), model_format::pickle);
  EXPECT_EQ(detect_format("abc", "a"), model_format::unknown);
}

TEST(detect, tells_json_files_apart_by_their_first_key_that_says_it) {
  EXPECT_EQ(detect_json(R"({"metadata":{"tensors":[]},"weight_map":{}})", "m.json"), model_format::shard_index);
  EXPECT_EQ(detect_json(R"({"x":["weight_map"],"tensors":[]})", "model.safetensors.index.json"),
            model_format::manifest);
  EXPECT_EQ(detect_json(R"({"weight\u005fmap":)", "m"), model_format::shard_index);
  EXPECT_EQ(detect_json(R"({"_class_name":"p"})", "model_index.json"), model_format::unknown);
  EXPECT_EQ(detect_json("{}", "a.safetensors.index.fp16.json"), model_format::shard_index);
  EXPECT_EQ(detect_json("{", "m.json"), model_format::manifest);
  EXPECT_EQ(detect_json("[]", "m.json"), model_format::manifest);
}

TEST(detect, takes_the_name_of_a_part_apart_and_together_again) {
  auto const part = parse_part_name("m-q4-00002-of-00013.gguf");
  ASSERT_EQ(
      part,
      (part_name{.stem = "m-q4", .number = 2, .count = 13, .number_digits = 5, .count_digits = 5, .ending = ".gguf"}));
  for (std::string const good : {"m-q4-00002-of-00013.gguf", "model-00163-of-000163.safetensors", "a-1-of-2",
                                 "a-00000-of-00002.x", "a-1-of-2-00001-of-00001.fp16.safetensors"}) {
    ASSERT_TRUE(parse_part_name(good)) << good;
    EXPECT_EQ(to_string(*parse_part_name(good)), good);
  }
  for (std::string_view const bad :
       {"m.gguf", "m-00003-of-00002.gguf", "m-0000a-of-00002.gguf", "m-00001_of-00002.gguf", "m-00000-of-00000.gguf",
        "m-1-of-.gguf", "m-1-of-2x.gguf", "m1-of-2.gguf", "m-1-of-9999999999.gguf", "", "-of-"})
    EXPECT_EQ(parse_part_name(bad), std::nullopt) << bad;
}

}  // namespace
}  // namespace tierpager
