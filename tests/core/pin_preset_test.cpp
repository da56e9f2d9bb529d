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

std::string note(catalog const& tensors, std::string const& text) {
  std::vector<std::string> const notes = pin_notes(tensors, {text});
  return notes.empty() ? "" : notes.front();
}

TEST(pin_preset, pins_the_embedding_of_a_tied_model_as_its_output_and_says_so) {
  catalog const gguf = named({"token_embd.weight", "position_embd.weight", "blk.0.a", "output_norm.weight"});
  EXPECT_EQ(pinned(gguf, "output"), (names{"token_embd.weight", "output_norm.weight"}));
  EXPECT_EQ(
      note(gguf, "output"),
      "pin 'output': the model has no output tensor: its embedding 'token_embd.weight' serves as one, and is pinned");
  catalog const sliced =
      named({"model.embed_tokens.weight[0:4]", "model.embed_tokens.weight[4:8]", "model.layers.0.a"});
  EXPECT_EQ(pinned(sliced, "output").size(), 2U);
  EXPECT_NE(note(sliced, "output").find("'model.embed_tokens.weight' serves"), std::string::npos);
  EXPECT_EQ(note(named({"token_embd.weight", "output.weight"}), "output"), "");
  EXPECT_EQ(note(named({"output_norm.weight", "blk.0.a"}), "output"),
            "pin 'output': it covers the norm alone: no tensor has the name of an output");
}

TEST(pin_preset, says_what_it_covers_where_that_is_less_than_it_seems_to_be) {
  catalog const tensors =
      named({"token_embd.weight", "blk.0.q.weight", "blk.1.q.weight", "blk.1.x.weight[0]", "blk.1.x.weight[1]",
             "blk.1.y.weight[0]", "blk.1.y.weight[1]", "blk.10.q.weight", "v.blk.0.q.weight", "output.weight"});
  std::vector<std::pair<std::string, std::string>> const expected{
      {"last:1", "it covers nothing of the layers of 'v.blk'"},
      {"last:99", "there are 3 layers, of which it covers 3"},
      {"last:9", "there are 3 layers, of which it covers 1"},
      {"blk.?.q.weight", "it covers 2 of the 3 layers of 'blk'"},
      {"*q.weight", ""},
      {"*.x.*", "it covers 1 of the 3 layers of 'blk'"},
      {"blk.1*", ""},
      {"blk.1.*[[]0]", "it covers 1 of the 2 slices of 'blk.1.x.weight', and of 1 more tensor"},
      {"blk.1.x.weight[0]", ""},
      {"blk.1.x.weight*", ""},
      {"embeddings", ""},
      {"output*", ""},
      {"nothing", ""}};
  for (auto const& [text, says] : expected)
    EXPECT_EQ(note(tensors, text), says.empty() ? "" : "pin '" + text + "': " + says);
  EXPECT_EQ(pin_notes(tensors, {"last:1", "output", "last:99"}).size(), 2U);
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
