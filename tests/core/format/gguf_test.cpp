#include <core/format/gguf.hpp>

#include <gtest/gtest.h>

#include "format_bytes.hpp"

namespace tierpager {
namespace {

using testing::gguf_file;
using testing::metadata;
using testing::text;
using testing::u32;
using testing::u64;

constexpr std::uint32_t f32 = 0, q8_0 = 8, uint16_value = 2, uint32_value = 4, int32_value = 5, string_value = 8,
                        array_value = 9;

gguf_file two_tensors() {
  return {.metadata = {metadata("general.architecture", string_value, text("llama")),
                       metadata("tokens", array_value, u32(string_value) + u64(2) + text("a") + text("")),
                       metadata("scores", array_value, u32(5) + u64(3) + std::string(12, 's')),
                       metadata("flag", 7, std::string(1, '\1'))},
          .tensors = {{.name = "a", .shape = {5, 3}, .type = f32, .offset = 0},
                      {.name = "b", .shape = {32}, .type = q8_0, .offset = 64}},
          .data_bytes = 64 + 64};
}

gguf_header header_of(std::string const& bytes) {
  auto answer = value_or_throw(read_gguf(testing::bytes_of(bytes), bytes.size()));
  return std::get<gguf_header>(std::move(answer));
}

TEST(gguf, reads_names_types_shapes_and_extents_of_both_versions) {
  for (std::uint32_t const version : {2U, 3U}) {
    gguf_file file = two_tensors();
    file.version = version;
    std::string const bytes = file.build();
    gguf_header const header = header_of(bytes);
    EXPECT_EQ(header.version, version);
    EXPECT_EQ(header.data_offset, bytes.size() - 128);
    EXPECT_FALSE(header.split);
    ASSERT_EQ(header.tensors.size(), 2U);
    tensor_info const& a = header.tensors[0];
    EXPECT_EQ(a.name, "a");
    EXPECT_EQ(a.dtype, "F32");
    EXPECT_EQ(a.shape, (std::vector<std::uint64_t>{5, 3}));
    EXPECT_EQ(a.order, dimension_order::innermost_first);
    EXPECT_EQ(a.bytes, 60U);
    EXPECT_EQ(header.tensors[1].offset, bytes.size() - 64);
    EXPECT_EQ(header.tensors[1].bytes, 34U);
  }
}

TEST(gguf, reads_alignment_split_keys_scalars_and_empty_tensors) {
  gguf_file const file{.metadata = {metadata("general.alignment", uint32_value, u32(128)),
                                    metadata("split.no", uint16_value, std::string("\1\0", 2)),
                                    metadata("split.count", uint16_value, std::string("\3\0", 2)),
                                    metadata("split.tensors.count", int32_value, u32(9))},
                       .tensors = {{.name = "e", .shape = {0, 7}, .type = f32},
                                   {.name = "s", .shape = {}, .type = f32},
                                   {.name = "z", .shape = {4}, .type = f32, .offset = 128}},
                       .data_bytes = 256,
                       .alignment = 128};
  gguf_header const header = header_of(file.build());
  EXPECT_EQ(header.alignment, 128U);
  EXPECT_EQ(header.data_offset % 128, 0U);
  ASSERT_TRUE(header.split);
  EXPECT_EQ(header.split->number, 1U);
  EXPECT_EQ(header.split->count, 3U);
  EXPECT_EQ(header.split->tensors, 9U);
  EXPECT_EQ(header.tensors[0].bytes, 0U);
  EXPECT_EQ(header.tensors[1].bytes, 4U);
  EXPECT_EQ(header.tensors[1].offset, header.data_offset);
}

TEST(gguf, keeps_keys_and_values_with_their_types) {
  key_values const values = header_of(two_tensors().build()).metadata;
  EXPECT_EQ(values.get<std::string>("general.architecture"), "llama");
  EXPECT_EQ(values.get<std::vector<std::string>>("tokens"), (std::vector<std::string>{"a", ""}));
  EXPECT_EQ(values.find("scores")->element_type(), metadata_type::int32);
  EXPECT_EQ(values.get<std::vector<std::int64_t>>("scores"), std::vector<std::int64_t>(3, 0x73737373));
  EXPECT_EQ(values[0].key, "general.architecture");
}

TEST(gguf, asks_for_its_metadata_where_no_tensor_comes_behind_it) {
  std::string const bytes = gguf_file{.metadata = {metadata("k", string_value, text(std::string(100, 'v')))}}.build();
  auto const answer = value_or_throw(read_gguf(testing::bytes_of(bytes).first(60), bytes.size()));
  ASSERT_TRUE(std::holds_alternative<more_needed>(answer));
  EXPECT_EQ(header_of(bytes).metadata.get<std::string>("k"), std::string(100, 'v'));
}

TEST(gguf, asks_for_more_until_the_header_is_whole_and_reads_the_same_from_any_prefix) {
  std::string const bytes = two_tensors().build();
  std::uint64_t const header_bytes = two_tensors().header().size();
  for (std::uint64_t length = 0; length < header_bytes; ++length) {
    auto const answer = value_or_throw(read_gguf(testing::bytes_of(bytes).first(length), bytes.size()));
    auto const* const more = std::get_if<more_needed>(&answer);
    ASSERT_NE(more, nullptr) << length;
    EXPECT_GT(more->bytes, length);
    EXPECT_LE(more->bytes, header_bytes);
  }
  auto const answer = value_or_throw(read_gguf(testing::bytes_of(bytes).first(header_bytes), bytes.size()));
  EXPECT_TRUE(std::holds_alternative<gguf_header>(answer));
}

}  // namespace
}  // namespace tierpager
