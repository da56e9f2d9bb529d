// safetensors files with one tensor, or two, that are wrong or lie wrong.
#include <tests/core/format/format_bytes.hpp>
#include <tests/corpus/malformed.hpp>

namespace tierpager::testing {
namespace {

constexpr std::uint64_t name_at = 9;                 // of the first tensor
constexpr std::uint64_t dtype_at = 8 + 14;           // behind {"t":{"dtype":
constexpr std::uint64_t shape_at = 8 + 13 + 5 + 9;   // behind {"t":{"dtype":"U8","shape":
constexpr std::uint64_t offsets_at = shape_at + 19;  // for a shape of three characters

malformed_model file(std::string row, std::string name, std::string content, std::uint64_t byte, std::string what,
                     std::string tensor = "t") {
  return {.row = std::move(row),
          .name = std::move(name),
          .files = {{.name = "model.safetensors", .content = std::move(content)}},
          .byte = byte,
          .what = std::move(what),
          .tensor = std::move(tensor)};
}

std::string entry(std::string const& name, std::string const& dtype, std::string const& shape,
                  std::string const& offsets) {
  return "\"" + name + R"(":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}

std::string with_tensor(std::string const& dtype, std::string const& shape, std::string const& offsets,
                 std::uint64_t data_bytes = 4) {
  return safetensors_file("{" + entry("t", dtype, shape, offsets) + "}", data_bytes);
}

std::string two(std::string const& first, std::string const& second) {
  return safetensors_file("{" + first + "," + second + "}", 4);
}

void add_types_and_shapes(malformed_models& all) {
  auto shape = [&](std::string name, std::string const& value) {
    all.push_back(file("S9", std::move(name), with_tensor("U8", value, "[0,4]"), shape_at + 1, "not an integer"));
  };
  all.push_back(file("S8", "dtype_f9", with_tensor("F9", "[4]", "[0,4]"), dtype_at, "unknown dtype"));
  all.push_back(file("S8", "dtype_in_small_letters", with_tensor("f32", "[4]", "[0,4]"), dtype_at, "unknown dtype"));
  all.push_back(file("S8", "dtype_of_another_format", with_tensor("Q4_0", "[4]", "[0,4]"), dtype_at, "unknown dtype"));
  all.push_back(file("S8", "dtype_is_a_number", safetensors_file(R"({"t":{"dtype":7}})", 0), dtype_at,
                     "dtype that is not a string"));
  shape("negative", "[-4]");
  shape("minus_0", "[-0]");
  shape("fraction", "[4.0]");
  shape("exponent", "[4e0]");
  shape("dimension_2_to_the_64", "[18446744073709551616]");
  shape("dimension_is_an_array", "[[4]]");
  shape("dimension_is_a_string", "[\"4\"]");
  shape("dimension_is_null", "[null]");
  all.push_back(file("S9", "shape_is_a_string", with_tensor("U8", "\"4\"", "[0,4]"), shape_at, "not an array"));
  all.push_back(file("S9", "shape_is_an_object", with_tensor("U8", "{}", "[0,4]"), shape_at, "not an array"));
  std::string rank;
  for (int i = 0; i < 65; ++i) rank += i == 0 ? "1" : ",1";
  all.push_back(
      file("S9", "65_dimensions", with_tensor("U8", "[" + rank + "]", "[0,1]"), shape_at + 1 + 128, "more than 64 dimensions"));
  all.push_back(
      file("S10", "elements_wrap_to_0", with_tensor("U8", "[4294967296,4294967296]", "[0,0]"), shape_at, "2^64 elements"));
  all.push_back(file("S10", "elements_wrap_beside_a_0", with_tensor("U8", "[0,4294967296,4294967296]", "[0,0]"), shape_at,
                     "2^64 elements"));
  all.push_back(
      file("S10", "bytes_wrap_to_0", with_tensor("I64", "[2305843009213693952]", "[0,0]"), shape_at + 1, "2^64 bytes"));
  all.push_back(file("S11", "three_elements_of_4_bits", with_tensor("F4", "[3]", "[0,2]"), shape_at, "whole bytes"));
  all.push_back(file("S11", "two_elements_of_6_bits", with_tensor("F6_E2M3", "[2]", "[0,2]"), shape_at + 5, "whole bytes"));
}

void add_offsets(malformed_models& all) {
  auto pair = [&](std::string name, std::string const& offsets) {
    all.push_back(file("S12", std::move(name), with_tensor("U8", "[4]", offsets), offsets_at, "not a pair"));
  };
  auto number = [&](std::string name, std::string const& offsets) {
    all.push_back(file("S12", std::move(name), with_tensor("U8", "[4]", offsets), offsets_at + 1, "not an integer"));
  };
  all.push_back(file("S12", "no_data_offsets", safetensors_file(R"({"t":{"dtype":"U8","shape":[4]}})", 4), name_at,
                     "no data_offsets"));
  all.push_back(file("S12", "no_shape", safetensors_file(R"({"t":{"dtype":"U8","data_offsets":[0,4]}})", 4), name_at,
                     "no shape"));
  all.push_back(file("S12", "no_field", safetensors_file(R"({"t":{}})", 4), name_at, "no dtype"));
  all.push_back(file("S12", "no_object", safetensors_file(R"({"t":5})", 4), 13, "not described by an object"));
  all.push_back(file("S12", "data_offsets_are_an_object", with_tensor("U8", "[4]", "{}"), offsets_at,
                     "data_offsets that are not an array"));
  pair("no_offset", "[]");
  pair("one_offset", "[4]");
  number("offset_is_an_array", "[[0,4]]");
  number("offset_negative", "[-4,0]");
  number("offset_is_a_fraction", "[0.0,4]");
  number("offset_2_to_the_64", "[18446744073709551616,4]");
  all.push_back(file("S12", "three_offsets", with_tensor("U8", "[4]", "[0,4,4]"), offsets_at, "not a pair"));
  all.push_back(file("S12", "reversed", with_tensor("U8", "[4]", "[4,0]"), offsets_at, "reversed"));
  all.push_back(file("S13", "extent_above_the_shape", with_tensor("U8", "[3]", "[0,4]"), offsets_at, "do not span"));
  all.push_back(file("S13", "extent_below_the_shape", with_tensor("U8", "[5]", "[0,4]"), offsets_at, "do not span"));
  all.push_back(file("S13", "extent_of_an_empty_shape", with_tensor("U8", "[0]", "[0,4]"), offsets_at, "do not span"));
}

void add_places(malformed_models& all) {
  all.push_back(file("S14", "end_past_the_buffer", with_tensor("U8", "[9]", "[0,9]"), name_at, "past the end"));
  all.push_back(file("S14", "end_2_to_the_64_less_1", with_tensor("U8", "[4]", "[18446744073709551611,18446744073709551615]"),
                     name_at, "past the end"));
  all.push_back(file("S14", "empty_tensor_past_the_buffer", with_tensor("U8", "[0]", "[5,5]"), name_at, "past the end"));
  std::uint64_t const second_at = 61;
  all.push_back(file("S15", "overlap", two(entry("a", "U8", "[3]", "[0,3]"), entry("b", "U8", "[2]", "[2,4]")),
                     second_at, "overlaps", "b"));
  all.push_back(file("S15", "same_place", two(entry("a", "U8", "[4]", "[0,4]"), entry("b", "U8", "[4]", "[0,4]")),
                     second_at, "overlaps", "b"));
  all.push_back(file("S16", "hole", two(entry("a", "U8", "[2]", "[0,2]"), entry("b", "U8", "[1]", "[3,4]")), second_at,
                     "hole", "b"));
  all.push_back(file("S16", "first_begins_behind_0", with_tensor("U8", "[3]", "[1,4]"), name_at, "hole"));
  std::string const whole = with_tensor("U8", "[4]", "[0,4]");
  all.push_back(file("S17", "trailing_bytes", whole + "dddd", whole.size(), "4 bytes behind its last tensor", ""));
  all.push_back(file("S17", "trailing_bytes_without_a_tensor", safetensors_file("{}", 1), 10, "1 bytes behind", ""));
  all.push_back(file("S18", "last_byte_missing", with_tensor("U8", "[4]", "[0,4]", 3), name_at, "past the end"));
  all.push_back(file("S18", "no_data", with_tensor("U8", "[4]", "[0,4]", 0), name_at, "past the end"));
}

}  // namespace

malformed_models malformed_safetensors_entries() {
  malformed_models all;
  add_types_and_shapes(all);
  add_offsets(all);
  add_places(all);
  return all;
}

}  // namespace tierpager::testing
