// Counts every byte asked of the allocator while a header is read: at most 16 times the header and 1 MiB, whatever the
// header says. An executable of its own, because it replaces the global allocator.
#include <gtest/gtest.h>

#include <core/format/config.hpp>
#include <core/format/gguf.hpp>
#include <core/format/manifest.hpp>
#include <core/format/safetensors.hpp>
#include <core/format/shard_index.hpp>
#include <tests/support/counted_allocations.hpp>

#include "format_bytes.hpp"

namespace tierpager {
namespace {

using testing::bytes_of;
using testing::safetensors_file;

constexpr std::size_t many = 100000;

/// What reading takes, the catalog included, and not the header itself: the caller holds that, twice over at worst.
template <class Read>
void expect_within_promise(std::size_t header_bytes, Read const& read, char const* what) {
  EXPECT_LE(testing::peak_bytes_of(read), 14 * header_bytes + (std::size_t{512} << 10U)) << what;
}

template <class Tensors>
void build_catalog(Tensors tensors) {
  catalog built;
  built.add_file("m");
  built.reserve(tensors.size());
  for (tensor_info& each : tensors) {
    each.file = 0;
    ASSERT_TRUE(built.add(std::move(each)).ok());
  }
}

/// Short names that are all different: the most tensors a header of its size can hold.
std::string short_name(std::size_t number) {
  std::string name;
  for (std::size_t left = number; name.empty() || left != 0; left /= 64)
    name.push_back(static_cast<char>('0' + left % 64));
  return name == "\\" || name.find('\\') != std::string::npos ? "~" + std::to_string(number) : name;
}

void read_gguf_within_promise(std::string const& bytes, std::size_t header_bytes, bool good, char const* what) {
  expect_within_promise(
      header_bytes,
      [&] {
        auto answer = read_gguf(bytes_of(bytes), bytes.size());
        ASSERT_EQ(answer.ok(), good) << what;
        if (!good) return;
        key_values const kept = std::move(std::get<gguf_header>(*answer).metadata);
        build_catalog(std::move(std::get<gguf_header>(*answer).tensors));
      },
      what);
}

TEST(format_memory, gguf_takes_at_most_16_times_its_header) {
  testing::gguf_file file;
  for (std::size_t i = 0; i < many; ++i) file.tensors.push_back({.name = short_name(i), .shape = {}, .offset = 32 * i});
  file.data_bytes = 32 * many;
  read_gguf_within_promise(file.build(), file.header().size(), true, "many tensors");
  for (std::size_t i = 0; i < many; ++i) file.tensors[i].shape = {1, 1, 1, 1};
  read_gguf_within_promise(file.build(), file.header().size(), true, "many dimensions");
  testing::gguf_file keys;
  for (std::size_t i = 0; i < 10 * many; ++i) keys.metadata.push_back(testing::metadata(short_name(i), 0, "v"));
  read_gguf_within_promise(keys.build(), keys.header().size(), true, "a million keys");
  std::string tokens = testing::u32(8) + testing::u64(10 * many);
  for (std::size_t i = 0; i < 10 * many; ++i) tokens += testing::u64(0);
  testing::gguf_file const vocabulary{.metadata = {testing::metadata("k", 9, tokens)}};
  read_gguf_within_promise(vocabulary.build(), vocabulary.header().size(), true, "a million strings");
  std::string const nested = testing::u32(9) + testing::u64(1);
  std::string bomb;
  for (std::size_t i = 0; i < 10 * many; ++i) bomb += nested;
  testing::gguf_file const nesting{.metadata = {testing::metadata("k", 9, bomb)}};
  read_gguf_within_promise(nesting.build(), 64, false, "a million arrays of arrays");
}

TEST(format_memory, gguf_allocates_nothing_for_tensors_that_are_only_promised) {
  std::string const bytes =
      "GGUF" + testing::u32(3) + testing::u64(1ULL << 40U) + testing::u64(1ULL << 40U) + std::string(40, '\1');
  expect_within_promise(
      0, [&] { (void)read_gguf(bytes_of(bytes), 1ULL << 60U); }, "promises");
}

void read_safetensors_within_promise(std::string const& json, std::uint64_t data_bytes, bool good, char const* what) {
  std::string const bytes = safetensors_file(json, data_bytes);
  expect_within_promise(
      json.size(),
      [&] {
        auto answer = read_safetensors(bytes_of(bytes), bytes.size(), trailing_bytes::refuse);
        ASSERT_EQ(answer.ok(), good) << what;
        if (!good) return;
        key_values const kept = std::move(std::get<safetensors_header>(*answer).metadata);
        build_catalog(std::move(std::get<safetensors_header>(*answer).tensors));
      },
      what);
}

TEST(format_memory, safetensors_takes_at_most_16_times_its_header) {
  std::string json = "{";
  std::string metadata = R"({"__metadata__":{)";
  std::string dimensions = R"({"t":{"dtype":"U8","shape":[)";
  for (std::size_t i = 0; i < many; ++i) {
    std::string const name = (i == 0 ? "\"" : ",\"") + short_name(i);
    json += name + R"(":{"dtype":"U8","shape":[],"data_offsets":[)" + std::to_string(i) + "," + std::to_string(i + 1) +
            "]}";
    metadata += name + R"(":"")";
    dimensions += "0,";
  }
  read_safetensors_within_promise(json + "}", many, true, "many tensors");
  read_safetensors_within_promise(metadata + "}}", 0, true, "much metadata");
  read_safetensors_within_promise(dimensions + "0]}}", 0, false, "many dimensions");
  std::string const shape = [] {
    std::string zeros = "0";
    for (int i = 1; i < 64; ++i) zeros += ",0";
    return zeros;
  }();
  json = "{";
  for (std::size_t i = 0; i < many / 10; ++i)
    json +=
        (i == 0 ? "\"" : ",\"") + short_name(i) + R"(":{"dtype":"U8","shape":[)" + shape + R"(],"data_offsets":[0,0]})";
  read_safetensors_within_promise(json + "}", 0, true, "long shapes");
}

TEST(format_memory, safetensors_takes_at_most_16_times_its_header_for_bombs) {
  std::size_t const huge = 2'000'000;
  read_safetensors_within_promise(std::string(huge, '['), 0, false, "nesting");
  read_safetensors_within_promise(R"({"t":{"x":)" + std::string(huge, '['), 0, false, "nesting in a field");
  read_safetensors_within_promise("{\"" + std::string(huge, 'n'), 0, false, "a name without end");
  read_safetensors_within_promise("{\"" + std::string(huge, 'n') + "\1", 0, false, "a name with a control character");
  read_safetensors_within_promise("{\"" + std::string(huge, 'n') + "\":7}", 0, false, "a name of no tensor");
  read_safetensors_within_promise("{\"t\":" + std::string(huge, '7') + "}", 0, false, "a number");
  read_safetensors_within_promise("{\"t\":1e" + std::string(huge, '7') + "}", 0, false, "a number that is no number");
  read_safetensors_within_promise("{" + std::string(huge, ' '), 0, false, "spaces");
  read_safetensors_within_promise(R"({"__metadata__":{"k":")" + std::string(huge, 'v') + "\"}}", 0, true,
                                  "a metadata value");
}

TEST(format_memory, a_config_takes_at_most_16_times_its_text) {
  std::string members = "{";
  for (std::size_t i = 0; i < many; ++i) members += (i == 0 ? "\"" : ",\"") + short_name(i) + "\":1";
  std::string numbers = R"({"a":[1)";
  for (std::size_t i = 0; i < many; ++i) numbers += ",1";
  std::string long_path = "{\"" + std::string(many, 'n') + R"(":{"a":1)";
  for (std::size_t i = 0; i < many / 8; ++i) long_path += ",\"" + short_name(i) + "\":1";
  for (std::string const& text : {members + "}", numbers + "]}", long_path + "}}", R"({"a":)" + std::string(many, '[')})
    expect_within_promise(
        text.size(), [&] { (void)read_config(text); }, "config");
}

TEST(format_memory, a_shard_index_takes_at_most_16_times_its_text) {
  std::string same = R"({"weight_map":{)";
  std::string different = same;
  for (std::size_t i = 0; i < many; ++i) {
    std::string const name = (i == 0 ? "\"" : ",\"") + short_name(i);
    same += name + R"(":"m")";
    different += name + "\":\"" + std::to_string(i) + "\"";
  }
  for (std::string const& text : {same + "}}", different + "}}", R"({"metadata":)" + std::string(2'000'000, '[')})
    expect_within_promise(
        text.size(), [&] { EXPECT_EQ(shard_index::parse(text).ok(), text.ends_with("}}")); }, "index");
}

TEST(format_memory, a_manifest_takes_at_most_16_times_its_text) {
  std::string text = R"({"tensors":[)";
  for (std::size_t i = 0; i < many; ++i)
    text += (i == 0 ? R"({"name":")" : R"(,{"name":")") + short_name(i) + R"(","file":")" + std::to_string(i) +
            R"(","offset":0,"bytes":1,"dtype":"","shape":[]})";
  expect_within_promise(
      text.size(),
      [&] {
        auto read = read_manifest(text + "]}");
        ASSERT_TRUE(read.ok());
        build_catalog(std::move(read->tensors));
      },
      "manifest");
}

}  // namespace
}  // namespace tierpager
