#include <core/pin_preset.hpp>

#include <gtest/gtest.h>

namespace tierpager {
namespace {

catalog named(std::vector<std::string> const& names) {
  catalog tensors;
  tensors.add_file("m");
  for (std::string const& name : names) (void)tensors.add({.name = name, .dtype = "F32", .shape = {1}, .bytes = 4});
  return tensors;
}

std::vector<std::string> pinned(catalog const& tensors, std::string_view text) {
  std::vector<std::string> names;
  for (tensor_id id : value_or_throw(match_pins(tensors, text))) names.push_back(tensors[id].name);
  return names;
}

using names = std::vector<std::string>;

TEST(pin_preset, knows_the_parts_of_a_gguf_model) {
  catalog const tensors = named({"token_embd.weight", "blk.0.attn_output.weight", "blk.9.attn_q.weight",
                                 "blk.10.attn_q.weight", "output_norm.weight", "output.weight"});
  EXPECT_EQ(pinned(tensors, "embeddings"), (names{"token_embd.weight"}));
  EXPECT_EQ(pinned(tensors, "output"), (names{"output_norm.weight", "output.weight"}));
  EXPECT_EQ(pinned(tensors, "last:1"), (names{"blk.10.attn_q.weight"}));
  EXPECT_EQ(pinned(tensors, "last:2"), (names{"blk.9.attn_q.weight", "blk.10.attn_q.weight"}));
  EXPECT_EQ(pinned(tensors, "last:99").size(), 3U);
}

TEST(pin_preset, knows_the_parts_of_a_safetensors_model_and_its_slices) {
  catalog const tensors = named({"model.embed_tokens.weight", "model.layers.0.mlp.experts.weight[0]",
                                 "model.layers.1.mlp.experts.weight[3]", "model.layers.1.self_attn.output.weight",
                                 "model.norm.weight", "lm_head.weight"});
  EXPECT_EQ(pinned(tensors, "embeddings"), (names{"model.embed_tokens.weight"}));
  EXPECT_EQ(pinned(tensors, "output"), (names{"model.norm.weight", "lm_head.weight"}));
  EXPECT_EQ(pinned(tensors, "last:1"),
            (names{"model.layers.1.mlp.experts.weight[3]", "model.layers.1.self_attn.output.weight"}));
}

TEST(pin_preset, knows_parts_whose_whole_name_is_the_part_and_pins_a_slice_by_its_own_name) {
  catalog const tensors = named({"wte[0:40]", "wte[40:50]", "h.0[0:9]", "lm_head[0:40]", "model.norm.weight[0:9]"});
  EXPECT_EQ(pinned(tensors, "embeddings"), (names{"wte[0:40]", "wte[40:50]"}));
  EXPECT_EQ(pinned(tensors, "output"), (names{"lm_head[0:40]", "model.norm.weight[0:9]"}));
  EXPECT_EQ(pinned(tensors, "last:1"), (names{"h.0[0:9]"}));
  EXPECT_EQ(pinned(tensors, "wte[40:50]"), (names{"wte[40:50]"}));
}

TEST(pin_preset, takes_anything_else_for_a_glob_and_refuses_what_names_nothing) {
  catalog const tensors = named({"a.norm", "b.norm", "c"});
  EXPECT_EQ(pinned(tensors, "*.norm"), (names{"a.norm", "b.norm"}));
  EXPECT_EQ(match_pins(tensors, "*.weight").error().code, errc::unknown_tensor);
  EXPECT_EQ(match_pins(tensors, "embeddings").error().code, errc::unknown_tensor);
  EXPECT_EQ(match_pins(tensors, "last:0").error().code, errc::invalid_argument);
  EXPECT_EQ(match_pins(tensors, "last:x").error().code, errc::invalid_argument);
}

}  // namespace
}  // namespace tierpager
