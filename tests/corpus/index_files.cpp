// Indexes of sharded models that are wrong, or that their shards do not bear out.
#include <tests/core/format/format_bytes.hpp>
#include <tests/corpus/malformed.hpp>

namespace tierpager::testing {
namespace {

std::string const index_name = "model.safetensors.index.json";
constexpr std::uint64_t name_at = 15;   // of the first tensor, behind {"weight_map":{
constexpr std::uint64_t shard_at = 19;  // of its shard, where its name has one letter

malformed_model file(std::string row, std::string name, std::string content, std::uint64_t byte, std::string what,
                     std::string tensor = {}) {
  return {.row = std::move(row),
          .name = std::move(name),
          .files = {{.name = index_name, .content = std::move(content)}},
          .byte = byte,
          .what = std::move(what),
          .tensor = std::move(tensor)};
}

std::string map_of(std::string const& weights) { return R"({"weight_map":{)" + weights + "}}"; }

void add_names(malformed_models& all) {
  auto shard = [&](char const* row, std::string name, std::string const& called) {
    all.push_back(
        file(row, std::move(name), map_of(R"("t":")" + called + "\""), shard_at, "no file of the model's folder", "t"));
  };
  shard("I1", "absolute_path", "/etc/passwd");
  shard("I2", "parent", "..");
  shard("I2", "file_of_the_parent", "../m");
  shard("I2", "parent_by_escapes", R"(\u002e\u002e\u002fm)");
  shard("I2", "parent_in_the_middle", "x/../../m");
  shard("I2", "parent_of_a_folder", "x/../m");
  shard("I3", "separator_at_the_end", "a/");
  shard("I3", "two_separators", "a//b");
  shard("I3", "folder_itself_at_the_end", "a/.");
  shard("I3", "backslash", R"(a\\b)");
  shard("I3", "nul", R"(a\u0000)");
  shard("I3", "empty_name", "");
  shard("I3", "the_folder_itself", ".");
}

void add_texts(malformed_models& all) {
  all.push_back(file("I5", "no_weight_map", R"({"metadata":{}})", 15, "no weight_map"));
  all.push_back(file("I5", "weight_map_is_an_array", R"({"weight_map":[]})", 14, "not an object"));
  all.push_back(file("I5", "weight_map_is_null", R"({"weight_map":null})", 14, "not an object"));
  all.push_back(file("I5", "shard_is_a_number", map_of(R"("t":1)"), shard_at, "not a string", "t"));
  all.push_back(file("I5", "shard_is_an_object", map_of(R"("t":{})"), shard_at, "not a string", "t"));
  all.push_back(file("I5", "root_is_an_array", "[]", 0, "not a JSON object"));
  all.push_back(file("I5", "empty", "", 0, "cut off"));
  all.push_back(file("I5", "cut", R"({"weight_map":{"t")", 18, "cut off"));
  all.push_back(file("I5", "lfs_pointer", "version https://git-lfs.github.com/spec/v1\n", 0, "Git LFS pointer"));
  all.push_back(file("I5", "name_with_nul", map_of(R"("a\u0000":"m")"), name_at, "NUL"));
  all.push_back(file("I5", "name_that_is_not_utf8", map_of("\"\xff\":\"m\""), name_at + 1, "not UTF-8"));
  all.push_back(
      file("I5", "arrays_a_million_deep", R"({"metadata":)" + std::string(1'000'000, '['), 12 + 15, "nested too deep"));
  std::string many = R"({"weight_map":{)";
  for (int i = 0; i <= 100'000; ++i) {
    std::string const quoted = "\"" + std::to_string(i) + "\"";
    many += (i == 0 ? "" : ",") + quoted + ":" + quoted;
  }
  all.push_back(file("I10", "100001_shards", many + "}}", many.size() - 8, "more than 100000 shards", "100000"));
  malformed_model large = file("I10", "above_100_mb", map_of(""), 100'000'000, "above 100000000 bytes");
  large.files.front().hole_bytes = 100'000'000;
  all.push_back(std::move(large));
  all.push_back(file("I11", "name_twice", map_of(R"("a":"m","b":"m","a":"n")"), name_at + 16, "twice", "a"));
  all.push_back(
      file("I11", "name_twice_by_an_escape", map_of(R"("a":"m","b":"m","\u0061":"n")"), name_at + 16, "twice", "a"));
  all.push_back(file("I11", "weight_map_twice", R"({"weight_map":{},"weight_map":{}})", 17, "key twice"));
  all.push_back(file("I11", "metadata_twice", R"({"metadata":{},"metadata":{},"weight_map":{}})", 15, "key twice"));
}

void add_shards(malformed_models& all) {
  auto shards = [&](char const* row, std::string name, std::string const& weights, std::vector<corpus_file> files,
                    std::optional<std::uint64_t> byte, std::string what, std::string tensor, std::string blamed,
                    errc code = errc::malformed_file) {
    files.insert(files.begin(), {.name = index_name, .content = map_of(weights)});
    all.push_back({.row = row,
                   .name = std::move(name),
                   .files = std::move(files),
                   .byte = byte,
                   .what = std::move(what),
                   .tensor = std::move(tensor),
                   .blamed = std::move(blamed),
                   .code = code});
  };
  corpus_file const file = {.name = "1", .content = shard_of({"a"})};
  std::uint64_t const data_at = shard_of({"a"}).size() - 2;
  shards("I4", "shard_is_a_fifo", R"("a":"fifo")", {{.name = "fifo", .content = {}, .kind = file_kind::fifo}}, {},
         "not a regular file", "", "fifo");
  shards("I4", "shard_is_a_directory", R"("a":"d")", {{.name = "d", .content = {}, .kind = file_kind::directory}}, {},
         "is a directory", "", "d");
  shards("I6", "tensor_not_in_its_shard", R"("a":"1","b":"1")", {file}, name_at + 8, "not in its shard", "b", "");
  std::string const second = shard_of({"c", "b"});
  shards("I7", "tensor_in_another_shard_than_mapped", R"("a":"1","b":"1","c":"2")",
         {file, {.name = "2", .content = second}}, name_at + 8, "not in its shard 1", "b", "");
  shards("I9", "shard_missing", R"("a":"gone")", {}, {}, "cannot be opened", "", "gone", errc::file_not_found);
  shards("I9", "shard_short", R"("a":"1")", {{.name = "1", .content = file.content.substr(0, data_at + 1)}}, 9,
         "past the end", "a", "1");
  shards("I9", "shard_is_an_lfs_pointer", R"("a":"1")",
         {{.name = "1", .content = "version https://git-lfs.github.com/spec/v1\n"}}, 0, "Git LFS pointer", "", "1");
  shards("I8", "shards_are_pickles", R"("a":"1.bin")", {{.name = "1.bin", .content = "PK\3\4" + std::string(96, '\0')}},
         {}, "pickles as PyTorch writes them", "", "", errc::unsupported);
  shards("I8", "shards_are_pickles_that_are_missing", R"("a":"1.bin")", {}, {}, "pickles", "", "", errc::unsupported);
  shards("I9", "shard_is_gguf", R"("a":"1")", {{.name = "1", .content = good_gguf()}}, 0, "above", "", "1");
}

}  // namespace

malformed_models malformed_indexes() {
  malformed_models all;
  add_names(all);
  add_texts(all);
  add_shards(all);
  return all;
}

}  // namespace tierpager::testing
