#include <core/format/gguf.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "format_bytes.hpp"

namespace tierpager {
namespace {

using testing::gguf_file;
using testing::gguf_tensor;
using ::testing::HasSubstr;
using testing::metadata;
using testing::text;
using testing::u32;
using testing::u64;

constexpr std::uint32_t f32 = 0, q8_0 = 8, q4_k = 12, uint8_value = 0, uint16_value = 2, uint32_value = 4,
                        int32_value = 5, string_value = 8, array_value = 9;

gguf_file two_tensors() {
  return {.metadata = {metadata("general.architecture", string_value, text("llama")),
                       metadata("tokens", array_value, u32(string_value) + u64(2) + text("a") + text("")),
                       metadata("scores", array_value, u32(5) + u64(3) + std::string(12, 's')),
                       metadata("flag", 7, std::string(1, '\1'))},
          .tensors = {{.name = "a", .shape = {5, 3}, .type = f32, .offset = 0},
                      {.name = "b", .shape = {32}, .type = q8_0, .offset = 64}},
          .data_bytes = 64 + 64};
}

failure why_not(std::string const& bytes) {
  auto const answer = read_gguf(testing::bytes_of(bytes), bytes.size());
  if (answer.ok()) return {.code = errc::cancelled, .what = "was read"};
  return answer.error();
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

TEST(gguf, refuses_a_file_cut_at_any_byte) {
  std::string const bytes = two_tensors().build();
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    failure const why = why_not(bytes.substr(0, length));
    ASSERT_EQ(why.code, errc::malformed_file) << length;
    ASSERT_TRUE(why.byte && *why.byte <= length) << length;
  }
}

struct bad_file {
  char const* row;
  std::string bytes;
  std::uint64_t byte;
  char const* what;
  char const* tensor = "";
};

void PrintTo(bad_file const& file, std::ostream* out) { *out << file.row << " " << file.what; }

// The preamble is 24 bytes; a first metadata entry or tensor entry starts there.
std::string with_metadata(std::string const& entry) { return gguf_file{.metadata = {entry}}.build(); }

std::string with_tensors(std::vector<gguf_tensor> tensors, std::uint64_t data_bytes) {
  return gguf_file{.tensors = std::move(tensors), .data_bytes = data_bytes}.build();
}

std::string with_name(std::string name) { return with_tensors({{.name = std::move(name), .shape = {8}}}, 32); }
std::string with_shape(std::vector<std::uint64_t> shape, std::uint32_t type = f32) {
  return with_tensors({{.name = "t", .shape = std::move(shape), .type = type}}, 4096);
}

std::string preamble(std::uint32_t version, std::uint64_t tensors, std::uint64_t entries) {
  return "GGUF" + u32(version) + u64(tensors) + u64(entries) + std::string(100, '\0');
}

std::vector<bad_file> bad_preambles() {
  return {
      {"G1", "", 0, "empty"},
      {"G1", "GGUF", 4, "cut off"},
      {"G2", "GGML" + preamble(3, 0, 0).substr(4), 0, "does not start with GGUF"},
      {"G2", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", 0, "Git LFS pointer"},
      {"G3", preamble(0, 0, 0), 4, "version 0"},
      {"G3", preamble(1, 0, 0), 4, "version 1"},
      {"G3", preamble(4, 0, 0), 4, "version 4"},
      {"G3", preamble(0x03000000, 0, 0), 4, "big-endian"},
      {"G4", preamble(3, ~0ULL, 0), 8, "more tensors"},
      {"G4", preamble(3, 1ULL << 63U, 0), 8, "more tensors"},
      {"G4", preamble(3, 5, 0), 8, "more tensors"},
      {"G5", preamble(3, 0, ~0ULL), 16, "more metadata"},
      {"G5", preamble(3, 0, 1ULL << 63U), 16, "more metadata"},
      {"G5", preamble(3, 0, 8), 16, "more metadata"},
  };
}

std::vector<bad_file> bad_metadata() {
  std::string const nested = u32(array_value) + u64(1);
  std::string bomb;
  for (int i = 0; i < 100000; ++i) bomb += nested;
  auto alignment = [](std::uint32_t value) {
    return with_metadata(metadata("general.alignment", uint32_value, u32(value)));
  };
  return {
      {"G6", with_metadata(u64(~0ULL) + "k" + u32(0) + "v"), 24, "longer than 65535"},
      {"G6", with_metadata(u64(65536) + std::string(65536, 'k') + u32(0) + "v"), 24, "longer than 65535"},
      {"G6", with_metadata(u64(1000) + "k" + u32(0) + "v"), 64, "cut off"},
      {"G6", with_metadata(metadata("k", string_value, u64(1000))), 37, "string that runs past the end"},
      {"G6", with_metadata(metadata("k", string_value, u64(~0ULL))), 37, "string that runs past the end"},
      {"G7", with_metadata(metadata("", uint8_value, "v")), 24, "empty metadata key"},
      {"G8", gguf_file{.metadata = {metadata("k", uint8_value, "v"), metadata("k", uint8_value, "w")}}.build(), 46,
       "key twice"},
      {"G9", with_metadata(metadata("k", 13, "v")), 33, "unknown type 13"},
      {"G9", with_metadata(metadata("k", 0xffffffff, "v")), 33, "unknown type"},
      {"G9", with_metadata(metadata("k", array_value, u32(13) + u64(1) + "v")), 37, "array of unknown type"},
      {"G10", with_metadata(metadata("k", array_value, bomb)), 37, "array of arrays"},
      {"G11", with_metadata(metadata("k", array_value, u32(11) + u64(1ULL << 61U))), 41,
       "array that runs past the end"},
      {"G11", with_metadata(metadata("k", array_value, u32(uint8_value) + u64(100))), 41,
       "array that runs past the end"},
      {"G12", with_metadata(metadata("k", array_value, u32(string_value) + u64(2) + text("a") + u64(100))), 58,
       "string that runs past the end"},
      {"G12", with_metadata(metadata("k", array_value, u32(string_value) + u64(1ULL << 60U))), 41,
       "array that runs past the end"},
      {"G13", alignment(0), 24 + 8 + 17 + 4, "not a power of two"},
      {"G14", alignment(13), 53, "not a power of two"},
      {"G15", alignment(1U << 31U), 53, "above 1 MiB"},
      {"G16", with_metadata(metadata("general.alignment", 10, u64(32))), 49, "not of type uint32"},
      {"G33", with_metadata(metadata("split.count", string_value, text("3"))), 43, "not an integer"},
      {"G33", with_metadata(metadata("split.no", int32_value, u32(0xffffffff))), 44, "negative"},
  };
}

std::vector<bad_file> bad_tensors() {
  std::uint64_t const shape_at = 24 + 8 + 1 + 4;
  auto two = [](std::uint64_t first, std::uint64_t second) {
    return with_tensors({{.name = "a", .shape = {16}, .offset = first}, {.name = "b", .shape = {16}, .offset = second}},
                        128);
  };
  std::uint64_t const b_offset_at = 24 + 33 + 25;
  return {
      {"G17", with_name(std::string(64, 'n')), 24, "64 bytes or more"},
      {"G17", with_name(""), 24, "without a name"},
      {"G17", with_name(std::string("a\0b", 3)), 33, "NUL"},
      {"G17", with_name("a\xff"), 33, "not UTF-8"},
      {"G18", with_tensors({{.name = "a", .shape = {8}}, {.name = "a", .shape = {8}, .offset = 32}}, 64), 65,
       "is there twice", "a"},
      {"G19", with_shape({1, 1, 1, 1, 1}), 33, "more than 4 dimensions", "t"},
      {"G20", with_shape({1ULL << 63U}), shape_at, "2^63", "t"},
      {"G20", with_shape({1, ~0ULL}), shape_at + 8, "2^63", "t"},
      {"G22", with_shape({1ULL << 32U, 1ULL << 32U}), shape_at, "2^63 elements", "t"},
      {"G22", with_shape({(1ULL << 63U) - 1, 2}), shape_at, "2^63 elements", "t"},
      {"G22", with_shape({0, 1ULL << 32U, 1ULL << 32U}), shape_at, "2^63 elements", "t"},
      {"G23", with_shape({1ULL << 62U}, 28), shape_at, "2^64 bytes", "t"},
      {"G24", with_shape({8}, 0xffffffff), shape_at + 8, "unknown type", "t"},
      {"G24", with_shape({8}, 42), shape_at + 8, "unknown type 42", "t"},
      {"G24", with_shape({32}, 4), shape_at + 8, "removed", "t"},
      {"G25", with_shape({16, 16}, q8_0), shape_at, "multiple of its type's block", "t"},
      {"G25", with_shape({}, q4_k), shape_at, "multiple of its type's block", "t"},
      {"G26", two(0, 65), b_offset_at, "not aligned", "b"},
      {"G27", with_tensors({{.name = "a", .shape = {64}}}, 128), 192, "past the end", "a"},
      {"G27", with_tensors({{.name = "a", .shape = {1ULL << 61U}}}, 128), 192, "past the end", "a"},
      {"G28", two(0, 32), b_offset_at, "overlaps", "b"},
      {"G28", two(0, 96), b_offset_at, "hole", "b"},
      {"G28", two(64, 0), 24 + 25, "hole", "a"},
      {"G29", with_tensors({{.name = "a", .shape = {1ULL << 61U}, .type = 28}}, 128), shape_at, "2^64 bytes", "a"},
      {"G29",
       with_tensors({{.name = "a", .shape = {(1ULL << 61U) - 8}, .type = 28},
                     {.name = "b", .shape = {64}, .type = 28, .offset = ~0ULL - 63}},
                    128),
       b_offset_at, "2^64 bytes", "b"},
      {"G30", with_tensors({{.name = "a", .shape = {5}}}, 20), 84, "padding behind it", "a"},
      {"G30", gguf_file{.tensors = {{.name = "a", .shape = {0}}}}.header(), 57, "ends before its tensors"},
  };
}

class malformed_gguf : public ::testing::TestWithParam<bad_file> {};

TEST_P(malformed_gguf, is_refused_with_what_tensor_and_byte) {
  failure const why = why_not(GetParam().bytes);
  EXPECT_EQ(why.code, errc::malformed_file);
  EXPECT_THAT(why.what, HasSubstr(GetParam().what));
  EXPECT_EQ(why.byte, GetParam().byte);
  EXPECT_EQ(why.tensor, GetParam().tensor);
}

INSTANTIATE_TEST_SUITE_P(preamble, malformed_gguf, ::testing::ValuesIn(bad_preambles()));
INSTANTIATE_TEST_SUITE_P(metadata, malformed_gguf, ::testing::ValuesIn(bad_metadata()));
INSTANTIATE_TEST_SUITE_P(tensors, malformed_gguf, ::testing::ValuesIn(bad_tensors()));

}  // namespace
}  // namespace tierpager
