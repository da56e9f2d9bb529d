// Models that are not written as most are, and that other readers open.
#include <tests/core/format/format_bytes.hpp>
#include <tests/corpus/malformed.hpp>

namespace tierpager::testing {
namespace {

constexpr std::uint32_t f32 = 0, q2_0 = 42, not_known = 43, string_value = 8, uint32_value = 4;

unusual_model gguf(std::string name, gguf_file const& file, std::vector<std::string> tensors) {
  return {.name = std::move(name),
          .files = {{.name = "model.gguf", .content = file.build()}},
          .tensors = std::move(tensors)};
}

unusual_model index(std::string name, corpus_file file, std::vector<corpus_file> shards,
                    std::vector<std::string> tensors) {
  shards.insert(shards.begin(), std::move(file));
  return {.name = std::move(name), .files = std::move(shards), .tensors = std::move(tensors)};
}

}  // namespace

std::vector<unusual_model> unusual_gguf() {
  std::string const name_of_64(64, 'n');
  std::string const longest(65535, 'n');
  std::uint64_t const mib = std::uint64_t{1} << 20U;
  auto const padded_to = [](std::uint64_t alignment) {
    return gguf_file{
        .metadata = {metadata("general.alignment", uint32_value, u32(static_cast<std::uint32_t>(alignment)))},
        .tensors = {{.name = "a", .shape = {5}}},
        .data_bytes = 20,
        .alignment = alignment};
  };
  return {
      gguf("name_of_64_bytes", {.tensors = {{.name = name_of_64, .shape = {8}}}, .data_bytes = 32},
           {name_of_64 + " F32 32"}),
      gguf("name_of_65535_bytes", {.tensors = {{.name = longest, .shape = {8}}}, .data_bytes = 32},
           {longest + " F32 32"}),
      gguf("no_padding_behind_the_last_tensor",
           {.tensors = {{.name = "a", .shape = {3}}, {.name = "b", .shape = {5}, .offset = 32}}, .data_bytes = 52},
           {"a F32 12", "b F32 20"}),
      gguf("alignment_2_mib", padded_to(2 * mib), {"a F32 20"}),
      gguf("alignment_64_mib", padded_to(64 * mib), {"a F32 20"}),
      gguf("alignment_1", padded_to(1), {"a F32 20"}),
      gguf("q2_0",
           {.tensors = {{.name = "a", .shape = {256, 8}, .type = q2_0}, {.name = "b", .shape = {8}, .offset = 576}},
            .data_bytes = 608},
           {"a Q2_0 576", "b F32 32"}),
      gguf("unknown_type_before_another_tensor",
           {.tensors = {{.name = "a", .shape = {256, 2}, .type = not_known}, {.name = "b", .shape = {8}, .offset = 96}},
            .data_bytes = 128},
           {"a TYPE_43 96", "b F32 32"}),
      gguf("unknown_types_up_to_the_end_of_the_file",
           {.tensors = {{.name = "a", .shape = {256}, .type = not_known},
                        {.name = "b", .shape = {256}, .type = 2147483647, .offset = 64}},
            .data_bytes = 64 + 77},
           {"a TYPE_43 64", "b TYPE_2147483647 77"}),
      gguf("empty_tensor_of_unknown_type",
           {.tensors = {{.name = "a", .shape = {0, 7}, .type = not_known}, {.name = "b", .shape = {8}}},
            .data_bytes = 32},
           {"a TYPE_43 0", "b F32 32"}),
      gguf("value_that_is_not_utf8",
           {.metadata = {metadata("k", string_value, text("\xff"))},
            .tensors = {{.name = "a", .shape = {8}, .type = f32}},
            .data_bytes = 32},
           {"a F32 32"}),
  };
}

std::vector<unusual_model> unusual_safetensors() {
  auto const mapping = [](std::string const& weights) { return R"({"weight_map":{)" + weights + "}}"; };
  std::string const usual = "model.safetensors.index.json";
  std::string const two = mapping(R"("a":"1.safetensors","b":"2.safetensors")");
  corpus_file const first = {.name = "1.safetensors", .content = shard_of({"a"})};
  corpus_file const second = {.name = "2.safetensors", .content = shard_of({"b"})};
  std::vector<std::string> const both = {"a U8 2", "b U8 2"};
  return {
      {.name = "metadata_is_null",
       .files = {{.name = "model.safetensors",
                  .content = safetensors_file(
                      R"({"__metadata__":null,"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", 2)}},
       .tensors = {"a U8 2"}},
      index("shard_holds_what_the_map_does_not_know", {.name = usual, .content = two},
            {{.name = "1.safetensors", .content = shard_of({"old", "a", "older"})}, second}, both),
      index("shard_holds_what_the_map_gives_to_another", {.name = usual, .content = two},
            {{.name = "1.safetensors", .content = shard_of({"b", "a"})}, second}, both),
      index("dot_before_the_name", {.name = usual, .content = mapping(R"("a":"./1.safetensors","b":"2.safetensors")")},
            {first, second}, both),
      index("one_shard_by_two_names",
            {.name = usual, .content = mapping(R"("a":"./1.safetensors","b":"1.safetensors")")},
            {{.name = "1.safetensors", .content = shard_of({"a", "b"})}}, both),
      index("shard_in_a_folder",
            {.name = usual, .content = mapping(R"("a":"1.safetensors","b":"transformer/././2.safetensors")")},
            {first, {.name = "transformer/2.safetensors", .content = second.content}}, both),
      index("index_of_any_name", {.name = "my_index.json", .content = two}, {first, second}, both),
      index("index_of_a_precision", {.name = "m.safetensors.index.fp16.json", .content = two}, {first, second}, both),
      index("index_without_an_ending", {.name = "blob", .content = two}, {first, second}, both),
      index("index_with_metadata_of_any_kind",
            {.name = usual, .content = R"({"metadata":{"total_size":"12 GB","x":[1,null,1.5e10]},)" + two.substr(1)},
            {first, second}, both),
      index("index_with_metadata_null", {.name = "i.json", .content = R"({"metadata":null,)" + two.substr(1)},
            {first, second}, both),
      index("manifest_named_like_an_index",
            {.name = usual,
             .content =
                 R"({"tensors":[{"name":"a","file":"1.safetensors","offset":0,"bytes":2,"dtype":"U8","shape":[2]}]})"},
            {first}, {"a U8 2"}),
  };
}

}  // namespace tierpager::testing
