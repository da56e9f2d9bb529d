// safetensors files that are wrong as a whole: length, encoding, JSON, names.
#include <tests/core/format/format_bytes.hpp>
#include <tests/corpus/malformed.hpp>

namespace tierpager::testing {
namespace {

constexpr std::uint64_t json_at = 8;

malformed_model file(std::string row, std::string name, std::string content, std::uint64_t byte, std::string what,
                     std::string tensor = {}) {
  return {.row = std::move(row),
          .name = std::move(name),
          .files = {{.name = "model.safetensors", .content = std::move(content)}},
          .byte = byte,
          .what = std::move(what),
          .tensor = std::move(tensor)};
}

std::string of(std::string const& json) { return safetensors_file(json, 0); }

std::string entry(std::string const& name, std::uint64_t begin) {
  return "\"" + name + R"(":{"dtype":"U8","shape":[1],"data_offsets":[)" + std::to_string(begin) + "," +
         std::to_string(begin + 1) + "]}";
}

void add_lengths(malformed_models& all) {
  all.push_back(file("S1", "empty", "", 0, "shorter than the 8 bytes"));
  all.push_back(file("S1", "seven_bytes", "1234567", 7, "shorter than the 8 bytes"));
  malformed_model large = file("S2", "header_of_100000001_bytes", u64(100'000'001) + "{}", 0, "above 100000000");
  large.files.front().hole_bytes = 100'000'000;
  all.push_back(std::move(large));
  all.push_back(file("S3", "header_past_the_end", u64(3) + "{}", 0, "above the file's own"));
  all.push_back(file("S3", "header_of_2_to_the_64_less_1_bytes", u64(~0ULL) + "{}", 0, "above"));
  all.push_back(file("S3", "header_end_wraps_to_0", u64(~0ULL - 7) + "{}", 0, "above"));
  all.push_back(file("S3", "header_of_2_to_the_63_bytes", u64(1ULL << 63U) + "{}", 0, "above"));
  all.push_back(file("S3", "lfs_pointer", "version https://git-lfs.github.com/spec/v1\n", 0, "Git LFS pointer"));
}

void add_texts(malformed_models& all) {
  all.push_back(file("S4", "stray_byte", of("{\"a\xff\":{}}"), json_at + 3, "not UTF-8"));
  all.push_back(file("S4", "surrogate_as_utf8", of("{\"\xed\xa0\x80\":{}}"), json_at + 2, "not UTF-8"));
  all.push_back(file("S4", "overlong", of("{\"\xc0\xaf\":{}}"), json_at + 2, "not UTF-8"));
  all.push_back(file("S4", "character_cut_by_the_end", of("{\"\xe2\x82"), json_at + 2, "not UTF-8"));
  all.push_back(file("S5", "header_of_0_bytes", of(""), json_at, "cut off"));
  all.push_back(file("S5", "cut_behind_a_name", of("{\"a\":"), json_at + 5, "cut off"));
  all.push_back(file("S5", "two_values", of("{} {}"), json_at + 3, "not JSON"));
  all.push_back(file("S5", "comma_at_the_end", of(R"({"__metadata__":{},})"), json_at + 19, "not JSON"));
  all.push_back(file("S5", "comment", of("{/**/}"), json_at + 1, "not JSON"));
  all.push_back(file("S5", "root_is_an_array", of("[]"), json_at, "not a JSON object"));
  all.push_back(file("S5", "root_is_a_number", of("17"), json_at, "not a JSON object"));
  all.push_back(file("S5", "byte_order_mark", of("\xef\xbb\xbf{}"), json_at, "byte order mark"));
  std::string const bomb(10'000'000, '[');
  all.push_back(file("S6", "arrays_10_million_deep", of(bomb), json_at, "not a JSON object"));
  all.push_back(file("S6", "arrays_10_million_deep_in_a_field", of(R"({"t":{"x":)" + bomb), json_at + 10 + 14,
                     "nested too deep"));
  std::string objects = R"({"t":)";
  for (int i = 0; i < 100'000; ++i) objects += R"({"x":)";
  all.push_back(file("S6", "objects_100000_deep", of(objects), json_at + 5 + 15 * 5, "nested too deep"));
}

void add_names(malformed_models& all) {
  all.push_back(
      file("S7", "name_twice", safetensors_file("{" + entry("a", 0) + "," + entry("a", 1) + "}", 2), 61, "twice", "a"));
  all.push_back(file("S7", "name_twice_by_an_escape",
                     safetensors_file("{" + entry("a", 0) + "," + entry("\\u0061", 1) + "}", 2), 61, "twice", "a"));
  all.push_back(
      file("S7", "dtype_twice", of(R"({"t":{"dtype":"U8","dtype":"U8"}})"), json_at + 19, "field twice", "t"));
  all.push_back(file("S7", "shape_twice", of(R"({"t":{"shape":[],"shape":[]}})"), json_at + 17, "field twice", "t"));
  all.push_back(file("S7", "data_offsets_twice", of(R"({"t":{"data_offsets":[0,1],"data_offsets":[0,1]}})"),
                     json_at + 27, "field twice", "t"));
  all.push_back(file("S19", "metadata_is_an_array", of(R"({"__metadata__":[]})"), json_at + 16, "not an object"));
  all.push_back(file("S19", "metadata_of_a_number", of(R"({"__metadata__":{"k":1}})"), json_at + 21, "not a string"));
  all.push_back(file("S19", "metadata_of_null", of(R"({"__metadata__":{"k":null}})"), json_at + 21, "not a string"));
  all.push_back(file("S19", "metadata_of_an_object", of(R"({"__metadata__":{"k":{}}})"), json_at + 21, "not a string"));
  all.push_back(file("S19", "metadata_twice", of(R"({"__metadata__":{},"__metadata__":{}})"), json_at + 19,
                     "__metadata__ twice"));
  std::string many = "{";
  for (std::uint64_t i = 0; i < 100'000; ++i) many += entry(std::to_string(100'000 + i), i) + ",";
  std::uint64_t const again_at = json_at + many.size();
  all.push_back(file("S20", "100000_names_and_the_first_again",
                     safetensors_file(many + entry("100000", 100'000) + "}", 100'001), again_at, "twice", "100000"));
  all.push_back(file("S21", "half_a_surrogate_pair", of(R"({"\ud800":{}})"), json_at + 8, "not JSON"));
  all.push_back(file("S21", "second_half_of_a_surrogate_pair", of(R"({"\udc00":{}})"), json_at + 7, "not JSON"));
  all.push_back(file("S21", "name_with_nul", of(R"({"a\u0000b":{}})"), json_at + 1, "NUL"));
  all.push_back(file("S21", "header_padded_with_nul", of(std::string("{}\0\0", 4)), json_at + 2, "NUL"));
  all.push_back(file("S21", "not_a_number", of(R"({"t":{"shape":[NaN]}})"), json_at + 15, "not JSON"));
  all.push_back(file("S21", "infinity", of(R"({"t":{"shape":[Infinity]}})"), json_at + 15, "not JSON"));
  all.push_back(file("S21", "number_too_large_for_a_double", of(R"({"t":{"x":1e999}})"), json_at + 14, "not JSON"));
}

}  // namespace

malformed_models malformed_safetensors() {
  malformed_models all;
  add_lengths(all);
  add_texts(all);
  add_names(all);
  return all;
}

}  // namespace tierpager::testing
