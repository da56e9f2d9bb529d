// GGUF files that are wrong in their tensors or in where these lie, and split models whose parts do not agree.
#include <tests/core/format/format_bytes.hpp>
#include <tests/corpus/malformed.hpp>

namespace tierpager::testing {
namespace {

constexpr std::uint32_t f32 = 0, q8_0 = 8, q4_k = 12, f64 = 28;
constexpr std::uint64_t name_at = 24;                // of the first tensor, where there is no metadata
constexpr std::uint64_t dimensions_at = 24 + 8 + 1;  // of one whose name has one letter
constexpr std::uint64_t shape_at = dimensions_at + 4;

malformed_model file(std::string row, std::string name, std::string content, std::uint64_t byte, std::string what,
                     std::string tensor = {}) {
  return {.row = std::move(row),
          .name = std::move(name),
          .files = {{.name = "model.gguf", .content = std::move(content)}},
          .byte = byte,
          .what = std::move(what),
          .tensor = std::move(tensor)};
}

std::string with(std::vector<gguf_tensor> tensors, std::uint64_t data_bytes) {
  return gguf_file{.tensors = std::move(tensors), .data_bytes = data_bytes}.build();
}

void add_names(malformed_models& all) {
  auto named = [](std::string name) { return with({{.name = std::move(name), .shape = {8}}}, 32); };
  all.push_back(file("G17", "name_of_65536_bytes", named(std::string(65536, 'n')), name_at, "longer than 65535"));
  all.push_back(file("G17", "no_name", named(""), name_at, "without a name"));
  all.push_back(file("G17", "name_with_nul", named(std::string("a\0b", 3)), name_at + 9, "NUL"));
  all.push_back(file("G17", "name_that_is_not_utf8", named("a\xff"), name_at + 9, "not UTF-8"));
  all.push_back(file("G17", "name_with_half_a_surrogate_pair", named("a\xed\xa0\x80"), name_at + 9, "not UTF-8"));
  all.push_back(file("G17", "name_in_overlong_utf8", named("\xc0\xaf"), name_at + 8, "not UTF-8"));
  all.push_back(file("G18", "tensor_twice",
                     with({{.name = "a", .shape = {8}}, {.name = "a", .shape = {8}, .offset = 32}}, 64),
                     name_at + 33 + 8, "is there twice", "a"));
}

void add_shapes(malformed_models& all) {
  auto shaped = [](std::vector<std::uint64_t> shape, std::uint32_t type = f32) {
    return with({{.name = "t", .shape = std::move(shape), .type = type}}, 4096);
  };
  std::uint64_t const two_32 = 1ULL << 32U;
  std::uint64_t const type_at = shape_at + 8;  // behind one dimension
  all.push_back(file("G19", "five_dimensions", shaped({1, 1, 1, 1, 1}), dimensions_at, "more than 4 dimensions", "t"));
  std::string many = shaped({1});
  many.replace(dimensions_at, 4, u32(~0U));
  all.push_back(file("G19", "dimensions_2_to_the_32_less_1", many, dimensions_at, "more than 4 dimensions", "t"));
  all.push_back(file("G20", "dimension_2_to_the_63", shaped({1ULL << 63U}), shape_at, "2^63", "t"));
  all.push_back(file("G20", "second_dimension_minus_one", shaped({1, ~0ULL}), shape_at + 8, "2^63", "t"));
  all.push_back(file("G21", "empty_tensor_at_an_offset_of_its_own",
                     with({{.name = "t", .shape = {0}, .offset = 32}}, 32), type_at + 4, "hole", "t"));
  all.push_back(file("G22", "elements_wrap_to_0", shaped({two_32, two_32}), shape_at, "2^63 elements", "t"));
  all.push_back(
      file("G22", "elements_wrap_to_minus_2", shaped({(1ULL << 63U) - 1, 2}), shape_at, "2^63 elements", "t"));
  all.push_back(file("G22", "elements_wrap_beside_a_0", shaped({0, two_32, two_32}), shape_at, "2^63 elements", "t"));
  all.push_back(
      file("G22", "elements_wrap_in_four_dimensions", shaped({65536, 65536, 65536, 65536}), shape_at, "2^63", "t"));
  all.push_back(file("G23", "bytes_wrap", shaped({1ULL << 62U}, f64), shape_at, "2^63 bytes", "t"));
  all.push_back(file("G23", "bytes_2_to_the_63", shaped({1ULL << 60U}, f64), shape_at, "2^63 bytes", "t"));
  all.push_back(file("G23", "bytes_wrap_beside_a_0", shaped({0, (1ULL << 63U) - 1}), shape_at, "2^63 bytes", "t"));
  all.push_back(
      file("G23", "blocks_wrap_beside_a_0", shaped({(1ULL << 63U) - 32, 0}, q8_0), shape_at, "2^63 bytes", "t"));
  all.push_back(file("G24", "type_minus_one", shaped({8}, ~0U), type_at, "unknown type", "t"));
  all.push_back(file("G24", "type_2_to_the_31", shaped({8}, 1U << 31U), type_at, "unknown type 2147483648", "t"));
  all.push_back(file("G24", "type_4_removed", shaped({32}, 4), type_at, "removed", "t"));
  all.push_back(file("G24", "type_33_removed", shaped({32}, 33), type_at, "removed", "t"));
  all.push_back(
      file("G25", "half_a_block_a_row", shaped({16, 16}, q8_0), shape_at, "multiple of its type's block", "t"));
  all.push_back(file("G25", "scalar_of_a_block_type", shaped({}, q4_k), shape_at, "multiple of its type's block", "t"));
}

void add_places(malformed_models& all) {
  auto two = [](std::uint64_t first, std::uint64_t second) {
    return with({{.name = "a", .shape = {16}, .offset = first}, {.name = "b", .shape = {16}, .offset = second}}, 128);
  };
  std::uint64_t const a_offset_at = name_at + 25;
  std::uint64_t const b_offset_at = name_at + 33 + 25;
  all.push_back(file("G26", "offset_off_by_one", two(0, 65), b_offset_at, "not aligned", "b"));
  all.push_back(file("G26", "offset_2_to_the_64_less_1", two(0, ~0ULL), b_offset_at, "not aligned", "b"));
  all.push_back(
      file("G27", "tensor_past_the_end", with({{.name = "a", .shape = {64}}}, 128), 192, "past the end", "a"));
  all.push_back(file("G27", "tensor_far_past_the_end", with({{.name = "a", .shape = {1ULL << 60U}}}, 128), 192,
                     "past the end", "a"));
  all.push_back(file("G28", "overlap", two(0, 32), b_offset_at, "overlaps", "b"));
  all.push_back(file("G28", "same_place", two(0, 0), b_offset_at, "overlaps", "b"));
  all.push_back(file("G28", "hole", two(0, 96), b_offset_at, "hole", "b"));
  all.push_back(file("G28", "out_of_order", two(64, 0), a_offset_at, "hole", "a"));
  // The first two take 2^64 bytes less 128 together.
  auto three = [](std::uint64_t third) {
    std::uint64_t const most = (1ULL << 63U) - 64;
    return with({{.name = "a", .shape = {most / 8}, .type = f64},
                 {.name = "b", .shape = {most / 8}, .type = f64, .offset = most},
                 {.name = "c", .shape = {third}, .type = f64, .offset = 2 * most}},
                128);
  };
  std::uint64_t const c_offset_at = name_at + 2 * 33 + 25;
  all.push_back(file("G29", "sum_wraps", three(16), c_offset_at, "2^64 bytes", "c"));
  all.push_back(file("G29", "padding_wraps", three(15), c_offset_at, "2^64 bytes", "c"));
  std::uint32_t const not_known = 43;
  auto unknown_first = [&](std::uint64_t second) {
    return with({{.name = "a", .shape = {16}, .type = not_known}, {.name = "b", .shape = {8}, .offset = second}}, 96);
  };
  all.push_back(file("G24", "unknown_type_of_no_byte", unknown_first(0), b_offset_at, "overlaps", "b"));
  all.push_back(file("G24", "unknown_type_before_an_offset_that_is_not_aligned", unknown_first(40), b_offset_at,
                     "not aligned", "b"));
  all.push_back(file("G24", "unknown_type_at_the_end_of_the_file",
                     with({{.name = "a", .shape = {16}, .type = not_known}}, 0), 64, "past the end", "a"));
  all.push_back(file("G27", "tensor_behind_one_of_unknown_type", unknown_first(96), 192, "past the end", "b"));
  all.push_back(file("G30", "padding_between_tensors_missing",
                     with({{.name = "a", .shape = {5}}, {.name = "b", .shape = {0}, .offset = 32}}, 20), 116,
                     "past the end", "b"));
  all.push_back(file("G30", "padding_before_the_data_missing",
                     gguf_file{.tensors = {{.name = "a", .shape = {0}}}}.header(), 57, "ends before its tensors"));
}

std::string part(std::string const& tensor, std::uint32_t number, std::uint32_t count, std::uint32_t tensors) {
  return gguf_file{.metadata = {metadata("split.no", 4, u32(number)), metadata("split.count", 4, u32(count)),
                                metadata("split.tensors.count", 4, u32(tensors))},
                   .tensors = {{.name = tensor, .shape = {8}}},
                   .data_bytes = 32}
      .build();
}

}  // namespace

malformed_models malformed_gguf_tensors() {
  malformed_models all;
  add_names(all);
  add_shapes(all);
  add_places(all);
  return all;
}

malformed_models malformed_gguf_of_a_million() {
  gguf_file keys, names;
  for (std::uint32_t i = 0; i < 1'000'000; ++i) {
    std::string const digits = std::to_string(1'000'000 + i);
    keys.metadata.push_back(metadata(digits, 0, "v"));
    names.tensors.push_back({.name = digits, .shape = {0}});
  }
  keys.metadata.push_back(keys.metadata.front());
  names.tensors.push_back(names.tensors.front());
  return {
      file("G31", "a_million_keys_and_the_first_again", keys.header(), name_at + 1'000'000 * 20ULL + 8, "key twice"),
      file("G31", "a_million_names_and_the_first_again", names.build(), name_at + 1'000'000 * 39ULL + 8,
           "is there twice", "1000000")};
}

malformed_models malformed_split_gguf() {
  malformed_models all;
  std::string const first = "m-00001-of-00002.gguf";
  std::string const second = "m-00002-of-00002.gguf";
  std::uint64_t const number_at = 24 + 8 + 8 + 4;
  std::uint64_t const count_at = number_at + 4 + 8 + 11 + 4;
  std::uint64_t const tensors_at = count_at + 4 + 8 + 19 + 4;
  auto second_is = [&](std::string name, std::string content, std::uint64_t byte, std::string what) {
    all.push_back(
        {.row = "G33",
         .name = std::move(name),
         .files = {{.name = first, .content = part("a", 0, 2, 2)}, {.name = second, .content = std::move(content)}},
         .byte = byte,
         .what = std::move(what),
         .blamed = second});
  };
  char const* const other = "does not belong to the same split model";
  second_is("part_is_the_first_again", part("b", 0, 2, 2), number_at, other);
  second_is("part_of_three", part("b", 1, 3, 2), count_at, other);
  second_is("part_of_a_model_of_more_tensors", part("b", 1, 2, 3), tensors_at, other);
  second_is("part_that_knows_of_no_split",
            gguf_file{.tensors = {{.name = "b", .shape = {8}}}, .data_bytes = 32}.build(), 0, other);
  second_is("part_cut_off", "GGUF", 4, "cut off");
  all.push_back({.row = "G33",
                 .name = "part_missing",
                 .files = {{.name = first, .content = part("a", 0, 2, 2)}},
                 .byte = std::nullopt,
                 .what = "cannot be opened",
                 .blamed = second,
                 .code = errc::file_not_found});
  all.push_back(
      {.row = "G33",
       .name = "fewer_tensors_than_promised",
       .files = {{.name = first, .content = part("a", 0, 2, 3)}, {.name = second, .content = part("b", 1, 2, 3)}},
       .byte = tensors_at,
       .what = "3 tensors in all parts"});
  for (std::string const name : {"renamed.gguf", "m-00002-of-00002.gguf", "m-00001-of-00004.gguf"})
    all.push_back({.row = "G33",
                   .name = "part_called_" + name.substr(0, name.find('.')),
                   .files = {{.name = name, .content = part("a", 0, 2, 2)}},
                   .byte = name.starts_with("m-00002") ? number_at : count_at,
                   .what = "which its name does not say"});
  return all;
}

}  // namespace tierpager::testing
