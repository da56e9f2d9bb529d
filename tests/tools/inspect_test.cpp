// `tierpager inspect` against what the model writer wrote, and the writer's bytes against each other in both formats.
#include <bit>
#include <cstring>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <tests/core/format/format_bytes.hpp>
#include <tests/tools/command_runner.hpp>
#include <tierpager/catalog.hpp>
#include <tools/inspect.hpp>
#include <tools/model_writer.hpp>
#include <tools/text.hpp>

namespace tierpager::tests {
namespace {

namespace testing_bytes = tierpager::testing;
using json = nlohmann::ordered_json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::uint64_t seed = 7;

tools::llama_shape small_shape() {
  return {.layers = 2, .hidden = 64, .feed_forward = 176, .vocabulary = 100, .heads = 4, .kv_heads = 2};
}

std::vector<std::string> small_model(std::string const& format, std::string const& path) {
  return {"--format", format, "--seed",     std::to_string(seed),
          "--layers", "2",    "--hidden",   "64",
          "--ffn",    "176",  "--vocab",    "100",
          "--heads",  "4",    "--kv-heads", "2",
          path};
}

std::string expected_bytes(tools::written_model const& model, std::size_t tensor) {
  std::vector<std::byte> bytes(model.tensors[tensor].bytes);
  tools::fill_tensor_bytes(model, tensor, 0, bytes);
  return {reinterpret_cast<char const*>(bytes.data()), bytes.size()};
}

TEST(inspect, lists_the_tensors_that_the_writer_wrote_in_both_formats) {
  tools::written_model const written{
      .seed = seed, .tensors = tools::llama_tensors(small_shape()), .shape = small_shape()};
  scratch_directory const files;
  for (std::string const format : {"safetensors", "gguf"}) {
    std::string const path = files.path("model." + format);
    make_model(small_model(format, path));
    outcome const inspected = tierpager_command({"inspect", path, "--json", "-"});
    ASSERT_EQ(inspected.exit_code, 0) << inspected.errors;
    json const all = json::parse(inspected.output);
    EXPECT_EQ(all["files"], json::array({path}));
    ASSERT_EQ(all["tensors"].size(), written.tensors.size());
    std::string const content = read_file(path);
    for (std::size_t at = 0; at < written.tensors.size(); ++at) {
      tools::planned_tensor const& planned = written.tensors[at];
      json const& tensor = all["tensors"][at];
      std::vector<std::uint64_t> shape = planned.shape;
      if (format == "gguf") std::reverse(shape.begin(), shape.end());
      EXPECT_EQ(tensor["name"], format == "gguf" ? planned.gguf_name : planned.safetensors_name);
      EXPECT_EQ(tensor["dtype"], "BF16");
      EXPECT_EQ(tensor["shape"], json(shape));
      EXPECT_EQ(tensor["file"], 0);
      EXPECT_EQ(tensor["bytes"], planned.bytes);
      EXPECT_EQ(content.substr(tensor["offset"], planned.bytes), expected_bytes(written, at)) << planned.gguf_name;
    }
  }
}

TEST(inspect, prints_a_table_and_writes_json_beside_it) {
  scratch_directory const files;
  make_model(small_model("gguf", files.path("model.gguf")));
  outcome const inspected =
      tierpager_command({"inspect", files.path("model.gguf"), "--json", files.path("report.json")});
  EXPECT_EQ(inspected.exit_code, 0) << inspected.errors;
  EXPECT_THAT(inspected.output, HasSubstr("blk.1.ffn_down.weight"));
  EXPECT_THAT(inspected.output, HasSubstr("21 tensors"));
  EXPECT_EQ(json::parse(read_file(files.path("report.json")))["tensors"].size(), 21U);
  EXPECT_THAT(files.files(), ElementsAre("model.gguf", "report.json"));
}

TEST(inspect, lists_what_slices_make_of_a_model_of_either_format) {
  scratch_directory const files;
  for (std::string const format : {"safetensors", "gguf"}) {
    std::string const path = files.path("model." + format);
    make_model(small_model(format, path));
    std::string const table = format == "gguf" ? "token_embd.weight" : "model.embed_tokens.weight";
    json const whole = json::parse(tierpager_command({"inspect", path, "--json", "-"}).output);
    outcome const inspected = tierpager_command({"inspect", path, "--slice", "*emb*:48", "--json", "-"});
    ASSERT_EQ(inspected.exit_code, 0) << inspected.errors;
    json const all = json::parse(inspected.output);
    ASSERT_EQ(all["tensors"].size(), 21U + 2);
    std::size_t at = 0;
    while (whole["tensors"][at]["name"] != table) ++at;
    std::uint64_t const offset = whole["tensors"][at]["offset"];
    json const& last = all["tensors"][at + 2];
    EXPECT_EQ(last["name"], table + "[96:100]");
    EXPECT_EQ(last["shape"], format == "gguf" ? json({64, 4}) : json({4, 64}));
    EXPECT_EQ(last["offset"], offset + 96 * 64 * 2);
    EXPECT_EQ(last["bytes"], 4 * 64 * 2);
    EXPECT_EQ(all["tensors"][at]["name"], table + "[0:48]");
  }
  EXPECT_THAT(tierpager_command({"inspect", files.path("model.gguf"), "--slice", "output.weight"}).output,
              HasSubstr("output.weight[99]"));
}

TEST(inspect, keeps_any_name_in_json_and_commands_no_terminal_in_its_table) {
  model inspected;
  std::string const name = "w\xc3\xb6rter \"\\\n\x1b[31m\x01 \xf0\x9f\xa6\x99";
  inspected.tensors.add_file("directory/m\xff.gguf");
  ASSERT_TRUE(
      inspected.tensors.add({.name = name, .dtype = "F32", .shape = {}, .file = 0, .offset = 64, .bytes = 4}).ok());
  json const all = json::parse(tools::json_of(inspected));
  EXPECT_EQ(all["tensors"][0]["name"], name);
  EXPECT_EQ(all["tensors"][0]["shape"], json::array());
  std::string const table = tools::text_of(inspected.tensors);
  EXPECT_THAT(table, HasSubstr("\\x0a\\x1b[31m\\x01"));
  EXPECT_EQ(table.find('\x1b'), std::string::npos);
}

std::vector<std::string> keys_of(json const& object) {
  std::vector<std::string> keys;
  for (auto const& member : object.items()) keys.push_back(member.key());
  return keys;
}

TEST(inspect, has_the_keys_of_its_contract_in_json) {
  scratch_directory const files;
  for (std::string const format : {"safetensors", "gguf"}) {
    std::string const path = files.path("model." + format);
    make_model(small_model(format, path));
    json const all = json::parse(tierpager_command({"inspect", path, "--json", "-"}).output);
    EXPECT_THAT(keys_of(all), ElementsAre("format", "files", "metadata", "tensors"));
    EXPECT_EQ(all["format"], format);
    EXPECT_THAT(keys_of(all["tensors"][0]),
                ElementsAre("name", "dtype", "shape", "dimension_order", "file", "offset", "bytes"));
    EXPECT_EQ(all["tensors"][0]["dimension_order"], format == "gguf" ? "innermost_first" : "outermost_first");
  }
}

std::string entry(std::string_view key, std::uint32_t type, std::string const& value) {
  return testing_bytes::metadata(key, type, value);
}

std::string gguf_with_metadata(std::vector<std::string> entries) {
  return testing_bytes::gguf_file{
      .metadata = std::move(entries), .tensors = {{.name = "a", .shape = {8}}}, .data_bytes = 32}
      .build();
}

TEST(inspect, spells_what_json_has_no_word_for) {
  using testing_bytes::text, testing_bytes::u32, testing_bytes::u64;
  scratch_directory const files;
  auto const real = [](float value) { return u32(std::bit_cast<std::uint32_t>(value)); };
  float const infinity = std::numeric_limits<float>::infinity();
  write_file(files.path("m.gguf"),
             gguf_with_metadata({entry("nan", 6, real(std::numeric_limits<float>::quiet_NaN())),
                                 entry("infinities", 9, u32(6) + u64(2) + real(infinity) + real(-infinity)),
                                 entry("not UTF-8", 8, text("a\xff")), entry("none", 9, u32(8) + u64(0)),
                                 entry("largest", 10, u64(~std::uint64_t{0})), entry("negative", 11, u64(~0ULL)),
                                 entry("flags", 9, u32(7) + u64(2) + std::string("\1\0", 2))}));
  json const all = json::parse(tierpager_command({"inspect", files.path("m.gguf"), "--json", "-"}).output);
  EXPECT_EQ(all["metadata"],
            json::parse(R"({"nan":"NaN","infinities":["Infinity","-Infinity"],"not UTF-8":{"hex":"61ff"},)"
                        R"("none":[],"largest":18446744073709551615,"negative":-1,"flags":[true,false]})"));
}

TEST(inspect, lists_metadata_a_line_a_key_and_cuts_what_is_long) {
  using testing_bytes::text, testing_bytes::u32, testing_bytes::u64;
  scratch_directory const files;
  std::string numbers = u32(4) + u64(100);
  for (std::uint32_t i = 0; i < 100; ++i) numbers += u32(i);
  write_file(files.path("m.gguf"),
             gguf_with_metadata({entry("general.name", 8, text("a\x1b[31m\nb")), entry("numbers", 9, numbers),
                                 entry("long", 8, text(std::string(1000, 'x'))),
                                 entry("eps", 6, u32(std::bit_cast<std::uint32_t>(1e-5F)))}));
  outcome const inspected = tierpager_command({"inspect", files.path("m.gguf"), "--metadata"});
  EXPECT_EQ(inspected.exit_code, 0) << inspected.errors;
  EXPECT_THAT(inspected.output, HasSubstr("gguf, 4 metadata keys\n"));
  EXPECT_THAT(inspected.output, HasSubstr("general.name  string    \"a\\x1b[31m\\x0ab\"\n"));
  EXPECT_THAT(inspected.output, HasSubstr("numbers       uint32[]  [0, 1, 2, 3, 4, 5, 6, 7, ... (100 in all)]\n"));
  EXPECT_THAT(inspected.output, HasSubstr("x\"... (1000 bytes)\n"));
  EXPECT_THAT(inspected.output, HasSubstr("eps           float32   1e-05\n"));
  EXPECT_THAT(tierpager_command({"inspect", files.path("m.gguf")}).output, ::testing::Not(HasSubstr("general.name")));
}

TEST(inspect, shows_the_config_beside_a_safetensors_model) {
  scratch_directory const files;
  make_model(small_model("safetensors", files.path("model.safetensors")));
  std::string const config = R"({"hidden_size":64,"rope":{"factor":8.0},"eos":[1,2],"none":null})";
  write_file(files.path("config.json"), config);
  json const all = json::parse(tierpager_command({"inspect", files.path("model.safetensors"), "--json", "-"}).output);
  EXPECT_EQ(all["config"], json::parse(config));
  EXPECT_THAT(tierpager_command({"inspect", files.path("model.safetensors"), "--metadata"}).output,
              HasSubstr("config.json: rope.factor  float64   8\n"));
  write_file(files.path("config.json"), R"({"time_step_limit":[0.0,Infinity]})");
  EXPECT_EQ(
      json::parse(tierpager_command({"inspect", files.path("model.safetensors"), "--json", "-"}).output)["config"],
      R"({"time_step_limit":[0.0,Infinity]})");
}

TEST(model_writer, gives_each_piece_the_bytes_of_the_whole) {
  tools::written_model const model{
      .seed = 3, .tensors = tools::equal_sized_tensors({.count = 2, .bytes = 1003}), .shape = {}};
  std::string const whole = expected_bytes(model, 1);
  std::vector<std::byte> tail(1003 - 512);
  tools::fill_tensor_bytes(model, 1, 512, tail);
  EXPECT_EQ(std::memcmp(tail.data(), whole.data() + 512, tail.size()), 0);
  EXPECT_NE(whole, expected_bytes(model, 0));
}

}  // namespace
}  // namespace tierpager::tests
