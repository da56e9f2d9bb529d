#include <host/read_catalog.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <tests/core/format/format_bytes.hpp>

#include "temporary_folder.hpp"

namespace tierpager {
namespace {

using ::testing::ElementsAre;
using testing::gguf_file;
using ::testing::HasSubstr;
using testing::metadata;
using testing::temporary_folder;
using testing::u32;

std::string safetensors_of(std::vector<std::string> const& names) {
  std::string json = "{";
  for (std::size_t i = 0; i < names.size(); ++i)
    json += (i == 0 ? "\"" : ",\"") + names[i] + R"(":{"dtype":"U8","shape":[2],"data_offsets":[)" +
            std::to_string(2 * i) + "," + std::to_string(2 * i + 2) + "]}";
  return testing::safetensors_file(json + "}", 2 * names.size());
}

std::string gguf_of(std::string const& name, std::vector<std::string> entries = {}) {
  return gguf_file{.metadata = std::move(entries), .tensors = {{.name = name, .shape = {8}}}, .data_bytes = 32}.build();
}

std::string part_of(std::string const& tensor, std::uint32_t number, std::uint32_t count, std::uint32_t tensors) {
  return gguf_of(tensor, {metadata("split.no", 4, u32(number)), metadata("split.count", 4, u32(count)),
                          metadata("split.tensors.count", 4, u32(tensors))});
}

std::vector<std::string> names_of(opened_model const& model) {
  std::vector<std::string> names;
  for (tensor_info const& each : model.tensors) names.push_back(each.name);
  return names;
}

failure why_not(std::vector<std::string> const& paths) {
  auto const model = read_catalog(paths);
  return model.ok() ? failure{.code = errc::cancelled, .what = "was read"} : model.error();
}

TEST(read_catalog, goes_by_the_bytes_of_a_file_and_not_by_its_name) {
  temporary_folder const folder;
  EXPECT_THAT(names_of(value_or_throw(read_catalog({folder.write("a.safetensors", gguf_of("g"))}))), ElementsAre("g"));
  EXPECT_THAT(names_of(value_or_throw(read_catalog({folder.write("a.gguf", safetensors_of({"s"}))}))),
              ElementsAre("s"));
  EXPECT_THAT(names_of(value_or_throw(read_catalog({folder.write("blob", safetensors_of({"s"}))}))), ElementsAre("s"));
}

TEST(read_catalog, makes_one_catalog_of_several_models_and_names_both_files_of_a_clash) {
  temporary_folder const folder;
  std::string const first = folder.write("1.gguf", gguf_of("a"));
  std::string const two = folder.write("2.safetensors", safetensors_of({"b", "c"}));
  std::string const three = folder.write("3.safetensors", safetensors_of({"d", "a"}));
  auto const model = value_or_throw(read_catalog({two, first}));
  EXPECT_THAT(names_of(model), ElementsAre("b", "c", "a"));
  EXPECT_THAT(model.tensors.files(), ElementsAre(two, first));
  EXPECT_EQ(model.files[1].path(), first);
  failure const why = why_not({first, three});
  EXPECT_EQ(why.code, errc::invalid_argument);
  EXPECT_EQ(why.file, three);
  EXPECT_EQ(why.tensor, "a");
  EXPECT_THAT(why.what, HasSubstr(first));
  EXPECT_EQ(why_not({}).code, errc::invalid_argument);
}

TEST(read_catalog, reads_a_header_longer_than_its_first_look_at_the_file) {
  temporary_folder const folder;
  std::string const bytes =
      gguf_of("a", {metadata("k", 8, testing::text(std::string(3 << 20, 'v'))), metadata("l", 0, "v")});
  auto const model = value_or_throw(read_catalog({folder.write("m.gguf", bytes)}));
  EXPECT_EQ(model.tensors.infos()[0].offset + 32, bytes.size());
}

TEST(read_catalog, finds_all_parts_of_a_split_model_from_any_of_them) {
  temporary_folder const folder;
  std::vector<std::string> parts;
  std::vector<std::string> const names = {"a", "b", "c"};
  for (std::uint32_t i = 0; i < 3; ++i)
    parts.push_back(folder.write("m-0000" + std::to_string(i + 1) + "-of-00003.gguf", part_of(names[i], i, 3, 3)));
  for (std::vector<std::string> const& paths :
       {std::vector{parts[0]}, std::vector{parts[1]}, std::vector{parts[2]}, parts, std::vector{folder.path()}}) {
    auto const model = value_or_throw(read_catalog(paths));
    EXPECT_THAT(names_of(model), ElementsAre("a", "b", "c"));
    EXPECT_EQ(model.tensors.files(), parts);
  }
}

TEST(read_catalog, reads_a_sharded_model_through_symbolic_links_as_download_caches_have_them) {
  temporary_folder const folder;
  folder.write("blobs/1", safetensors_of({"a", "b"}));
  folder.write("blobs/2", safetensors_of({"c"}));
  folder.write("blobs/3",
               R"({"metadata":{},"weight_map":{"c":"m-2.safetensors","a":"m-1.safetensors","b":"m-1.safetensors"}})");
  std::filesystem::create_directories(folder.path("snapshot"));
  std::filesystem::create_symlink("../blobs/1", folder.path("snapshot/m-1.safetensors"));
  std::filesystem::create_symlink("../blobs/2", folder.path("snapshot/m-2.safetensors"));
  std::filesystem::create_symlink("../blobs/3", folder.path("snapshot/m.safetensors.index.json"));
  folder.write("snapshot/other.safetensors", "not asked for");
  for (char const* name : {"snapshot", "snapshot/m.safetensors.index.json"}) {
    auto const model = value_or_throw(read_catalog({folder.path(name)}));
    EXPECT_THAT(names_of(model), ElementsAre("a", "b", "c"));
    EXPECT_EQ(model.tensors.files()[1], folder.path("snapshot/m-2.safetensors"));
  }
}

TEST(read_catalog, looks_beside_a_link_and_then_beside_what_it_leads_to) {
  temporary_folder const folder;
  folder.write("real/m-00001-of-00002.gguf", part_of("a", 0, 2, 2));
  folder.write("real/m-00002-of-00002.gguf", part_of("b", 1, 2, 2));
  folder.write("real/1.safetensors", safetensors_of({"a"}));
  folder.write("real/m.safetensors.index.json", R"({"weight_map":{"a":"1.safetensors"}})");
  folder.write("real/m.json",
               R"({"tensors":[{"name":"a","file":"1.safetensors","offset":0,"bytes":1,"dtype":"U8","shape":[1]}]})");
  std::filesystem::create_symlink("real/m.safetensors.index.json", folder.path("second.json"));
  std::filesystem::create_symlink(folder.path("second.json"), folder.path("index"));
  std::filesystem::create_symlink("real/m.json", folder.path("manifest"));
  std::filesystem::create_symlink("real/m-00002-of-00002.gguf", folder.path("part.gguf"));
  EXPECT_THAT(value_or_throw(read_catalog({folder.path("index")})).tensors.files(),
              ElementsAre(folder.path("real/1.safetensors")));
  EXPECT_THAT(value_or_throw(read_catalog({folder.path("manifest")})).tensors.files(),
              ElementsAre(folder.path("real/1.safetensors")));
  EXPECT_THAT(names_of(value_or_throw(read_catalog({folder.path("part.gguf")}))), ElementsAre("a", "b"));
  // What lies beside the link itself goes first.
  folder.write("1.safetensors", safetensors_of({"a"}));
  EXPECT_THAT(value_or_throw(read_catalog({folder.path("index")})).tensors.files(),
              ElementsAre(folder.path("1.safetensors")));
}

TEST(read_catalog, reads_a_raw_manifest_and_refuses_extents_past_its_files) {
  temporary_folder const folder;
  folder.write("weights.bin", std::string(100, 'w'));
  auto tensor = [](char const* name, int offset) {
    return R"({"name":")" + std::string(name) + R"(","file":"weights.bin","offset":)" + std::to_string(offset) +
           R"(,"bytes":40,"dtype":"F32","shape":[10]})";
  };
  std::string const path = folder.write("m.json", R"({"tensors":[)" + tensor("b", 60) + "," + tensor("a", 0) + "]}");
  auto const model = value_or_throw(read_catalog({path}));
  EXPECT_THAT(names_of(model), ElementsAre("a", "b"));
  EXPECT_THAT(model.tensors.files(), ElementsAre(folder.path("weights.bin")));
  folder.write("m.json", R"({"tensors":[)" + tensor("b", 61) + "]}");
  failure const why = why_not({path});
  EXPECT_EQ(why.code, errc::malformed_file);
  EXPECT_EQ(why.file, folder.path("weights.bin"));
  EXPECT_EQ(why.tensor, "b");
  EXPECT_EQ(why.byte, 100U);
  std::filesystem::remove(folder.path("weights.bin"));
  EXPECT_EQ(why_not({path}).code, errc::file_not_found);
  catalog const headers = value_or_throw(read_headers({path}));
  EXPECT_EQ(headers.infos()[0].offset, 61U);
  EXPECT_THAT(headers.files(), ElementsAre(folder.path("weights.bin")));
}

TEST(read_headers, numbers_the_files_of_several_models_like_read_catalog_does) {
  temporary_folder const folder;
  auto manifest = [&](std::string const& name) {
    return folder.write(name + ".json", R"({"tensors":[{"name":")" + name + R"(","file":")" + name +
                                            R"(.bin","offset":0,"bytes":4,"dtype":"F32","shape":[1]}]})");
  };
  std::vector<std::string> const paths{manifest("a"), manifest("b")};
  catalog const headers = value_or_throw(read_headers(paths));
  EXPECT_THAT(headers.files(), ElementsAre(folder.path("a.bin"), folder.path("b.bin")));
  EXPECT_EQ(headers.infos()[1].file, 1U);
  folder.write("a.bin", "data");
  folder.write("b.bin", "data");
  EXPECT_EQ(value_or_throw(read_catalog(paths)).tensors.files(), headers.files());
}

TEST(read_catalog, keeps_what_the_first_model_says_of_itself) {
  temporary_folder const folder;
  std::string const gguf = folder.write("m.gguf", gguf_of("a", {metadata("k", 4, u32(7))}));
  std::string const other = folder.write("st/m.safetensors", safetensors_of({"b"}));
  auto const said = value_or_throw(read_catalog({gguf, other})).file_metadata;
  EXPECT_EQ(said.format, "gguf");
  EXPECT_EQ(said.get<int>("k"), 7);
  EXPECT_EQ(value_or_throw(read_catalog({other, gguf})).file_metadata.format, "safetensors");
  auto part = [&](std::uint32_t number) {
    return gguf_of("p" + std::to_string(number),
                   {metadata("split.no", 4, u32(number)), metadata("split.count", 4, u32(2))});
  };
  folder.write("p-00001-of-00002.gguf", part(0));
  std::string const second = folder.write("p-00002-of-00002.gguf", part(1));
  EXPECT_EQ(value_or_throw(read_catalog({second})).file_metadata.get<int>("split.no"), 0);
}

TEST(read_catalog, keeps_the_config_that_lies_beside_safetensors) {
  temporary_folder const folder;
  folder.write("blobs/1", safetensors_of({"a"}));
  folder.write("blobs/2", R"({"hidden_size":64})");
  folder.write("m/x.safetensors.index.json", R"({"weight_map":{"a":"sub/1.safetensors"}})");
  std::filesystem::create_directories(folder.path("m/sub"));
  std::filesystem::create_symlink("../../blobs/1", folder.path("m/sub/1.safetensors"));
  EXPECT_EQ(value_or_throw(read_catalog({folder.path("m")})).file_metadata.config_text, "");
  std::filesystem::create_symlink("../blobs/2", folder.path("m/config.json"));
  auto const said = value_or_throw(read_catalog({folder.path("m")})).file_metadata;
  EXPECT_EQ(said.config_text, R"({"hidden_size":64})");
  EXPECT_EQ(said.config.get<std::uint16_t>("hidden_size"), 64);
  // What is no config, or an unreadable one, keeps nobody from the tensors.
  for (std::string const& text : {std::string("{"), std::string("\xff"), std::string((1U << 20U) + 1, ' ')}) {
    folder.write("blobs/2", text);
    auto const other = value_or_throw(read_catalog({folder.path("m")})).file_metadata;
    EXPECT_EQ(other.config.size(), 0U);
    EXPECT_EQ(other.config_text, text.size() > 2 ? "" : text);
  }
  std::filesystem::remove(folder.path("m/config.json"));
  std::filesystem::create_directory(folder.path("m/config.json"));
  EXPECT_EQ(value_or_throw(read_catalog({folder.path("m")})).file_metadata.format, "safetensors");
}

TEST(read_catalog, says_that_the_system_is_short_of_descriptors) {
  temporary_folder const folder;
  std::string const path = folder.write("m.gguf", gguf_of("a"));
  rlimit before = {};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  int const next = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ASSERT_EQ(::close(next), 0);
  rlimit none_left = before;
  none_left.rlim_cur = static_cast<rlim_t>(next);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none_left), 0);
  failure const why = why_not({path});
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(why.code, errc::read_failed);
  EXPECT_EQ(why.system_error, EMFILE);
  EXPECT_EQ(why.file, path);
  EXPECT_THAT(why.what, HasSubstr(std::to_string(next) + " files open"));
  EXPECT_THAT(why.what, HasSubstr("ulimit -n " + std::to_string(before.rlim_max)));
  EXPECT_TRUE(read_catalog({path}).ok());
}

TEST(read_catalog, names_the_file_and_byte_of_what_is_no_model) {
  temporary_folder const folder;
  for (auto const& [name, content] :
       std::vector<std::pair<char const*, std::string>>{{"m.bin", "PK"},
                                                        {"m", ""},
                                                        {"m.gguf", "version https://git-lfs.github.com/spec/v1\n"},
                                                        {"m.gguf", "GGUF"},
                                                        {"m.json", "{"}}) {
    failure const why = why_not({folder.write(name, content)});
    EXPECT_EQ(why.code, errc::malformed_file) << name;
    EXPECT_EQ(why.file, folder.path(name));
    EXPECT_TRUE(why.byte) << name;
  }
  EXPECT_EQ(why_not({folder.path("none")}).code, errc::file_not_found);
  EXPECT_EQ(why_not({"/dev/null"}).code, errc::malformed_file);
}

}  // namespace
}  // namespace tierpager
