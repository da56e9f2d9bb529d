#include <core/model_order.hpp>

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tierpager {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;

catalog in_this_order(std::vector<std::string> const& names) {
  catalog made;
  made.add_file("file");
  std::uint64_t offset = 0;
  for (std::string const& name : names)
    EXPECT_TRUE(made.add({.name = name, .dtype = "U8", .shape = {8}, .offset = 8 * offset++, .bytes = 8}).ok());
  return made;
}

std::vector<std::string> ordered(std::vector<std::string> const& names) {
  catalog const tensors = in_this_order(names);
  std::vector<std::string> order;
  for (tensor_id const id : model_order(tensors)) order.push_back(tensors[id].name);
  return order;
}

TEST(model_order, takes_layers_by_number_and_not_by_spelling) {
  EXPECT_THAT(ordered({"blk.0.w", "blk.1.w", "blk.10.w", "blk.2.w", "output.weight"}),
              ElementsAre("blk.0.w", "blk.1.w", "blk.2.w", "blk.10.w", "output.weight"));
  EXPECT_THAT(
      ordered({"m.double_blocks.10.a", "m.double_blocks.3.a", "m.single_blocks.11.a", "m.single_blocks.2.a"}),
      ElementsAre("m.double_blocks.3.a", "m.double_blocks.10.a", "m.single_blocks.2.a", "m.single_blocks.11.a"));
  EXPECT_THAT(ordered({"layers_10.k", "layers_2.k", "head.k"}), ElementsAre("layers_2.k", "layers_10.k", "head.k"));
}

TEST(model_order, takes_experts_of_a_layer_by_number_too) {
  EXPECT_THAT(ordered({"layers.0.experts.0.up", "layers.0.experts.10.up", "layers.0.experts.2.up", "layers.0.norm",
                       "layers.1.attn"}),
              ElementsAre("layers.0.experts.0.up", "layers.0.experts.2.up", "layers.0.experts.10.up", "layers.0.norm",
                          "layers.1.attn"));
}

TEST(model_order, begins_with_embeddings_and_ends_with_the_head) {
  EXPECT_THAT(ordered({"lm_head.weight", "model.embed_tokens.weight", "model.layers.0.w", "model.layers.10.w",
                       "model.layers.9.w", "model.norm.weight"}),
              ElementsAre("model.embed_tokens.weight", "model.layers.0.w", "model.layers.9.w", "model.layers.10.w",
                          "model.norm.weight", "lm_head.weight"));
  EXPECT_THAT(ordered({"output.weight", "output_norm.weight", "rope_freqs.weight", "blk.0.w", "token_embd.weight"}),
              ElementsAre("token_embd.weight", "rope_freqs.weight", "blk.0.w", "output_norm.weight", "output.weight"));
}

TEST(model_order, uses_a_tied_embedding_at_both_ends) {
  EXPECT_THAT(ordered({"blk.0.w", "output_norm.weight", "token_embd.weight"}),
              ElementsAre("token_embd.weight", "blk.0.w", "output_norm.weight", "token_embd.weight"));
  EXPECT_THAT(ordered({"model.embed_tokens.weight[0:4]", "model.embed_tokens.weight[4:8]", "model.layers.0.output.w"}),
              ElementsAre("model.embed_tokens.weight[0:4]", "model.embed_tokens.weight[4:8]", "model.layers.0.output.w",
                          "model.embed_tokens.weight[0:4]", "model.embed_tokens.weight[4:8]"));
  EXPECT_THAT(ordered({"token_embd.weight"}), ElementsAre("token_embd.weight"));  // no layers, so no head to stand for
}

TEST(model_order, keeps_the_order_of_the_file_inside_a_layer) {
  std::vector<std::string> const names{"blk.0.norm1", "blk.0.attn_q", "blk.0.norm2",
                                       "blk.0.ffn",   "blk.1.norm1",  "blk.1.attn_q"};
  EXPECT_THAT(ordered(names), ElementsAreArray(names));
}

TEST(model_order, keeps_the_order_of_slices) {
  std::vector<std::string> names;
  for (int i = 0; i < 12; ++i) names.push_back("x_exps.weight[" + std::to_string(i) + "]");
  EXPECT_THAT(ordered(names), ElementsAreArray(names));
}

// With a key for each beginning of the name it would take gigabytes.
TEST(model_order, takes_a_name_of_very_many_parts) {
  std::string parts;
  for (int i = 0; i < 32'000; ++i) parts += "1.";
  EXPECT_THAT(ordered({parts + "b", parts + "a"}), ElementsAre(parts + "b", parts + "a"));
}

TEST(model_order, takes_numbers_too_large_to_be_any_for_names) {
  EXPECT_THAT(ordered({"b.99999999999999999999999.w", "b.1.w"}), ElementsAre("b.99999999999999999999999.w", "b.1.w"));
}

}  // namespace
}  // namespace tierpager
