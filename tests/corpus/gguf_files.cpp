// GGUF files that are wrong before their first tensor: preamble and metadata.
#include <tests/core/format/format_bytes.hpp>
#include <tests/corpus/malformed.hpp>

namespace tierpager::testing {
namespace {

constexpr std::uint32_t uint8_value = 0, uint32_value = 4, int32_value = 5, string_value = 8, array_value = 9,
                        uint64_value = 10;
constexpr std::uint64_t first_entry_at = 24;          // behind magic, version and two counts
constexpr std::uint64_t type_at = 24 + 8 + 1;         // of a first entry whose key has one letter
constexpr std::uint64_t value_at = type_at + 4;       // of the same
constexpr std::uint64_t elements_at = value_at + 12;  // where that is an array

malformed_model file(std::string row, std::string name, std::string content, std::uint64_t byte, std::string what) {
  return {.row = std::move(row),
          .name = std::move(name),
          .files = {{.name = "model.gguf", .content = std::move(content)}},
          .byte = byte,
          .what = std::move(what)};
}

std::string with(std::vector<std::string> entries) { return gguf_file{.metadata = std::move(entries)}.build(); }

std::string preamble(std::uint32_t version, std::uint64_t tensors, std::uint64_t entries) {
  return "GGUF" + u32(version) + u64(tensors) + u64(entries) + std::string(100, '\0');
}

void add_preambles(malformed_models& all) {
  all.push_back(file("G1", "empty", "", 0, "empty"));
  all.push_back(file("G1", "magic_only", "GGUF", 4, "cut off"));
  all.push_back(file("G1", "cut_in_magic", "GGU", 3, "cut off"));
  all.push_back(file("G2", "wrong_magic", "GGML" + preamble(3, 0, 0).substr(4), 0, "does not start with GGUF"));
  all.push_back(file("G2", "reversed_magic", "FUGG" + preamble(3, 0, 0).substr(4), 0, "does not start with GGUF"));
  all.push_back(file("G2", "lfs_pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", 0,
                     "Git LFS pointer"));
  all.push_back(file("G3", "version_0", preamble(0, 0, 0), 4, "version 0"));
  all.push_back(file("G3", "version_1", preamble(1, 0, 0), 4, "version 1"));
  all.push_back(file("G3", "version_4", preamble(4, 0, 0), 4, "version 4"));
  all.push_back(file("G3", "version_2_to_the_32_less_1", preamble(~0U, 0, 0), 4, "version 4294967295"));
  all.push_back(file("G3", "big_endian_2", preamble(0x02000000, 0, 0), 4, "big-endian"));
  all.push_back(file("G3", "big_endian_3", preamble(0x03000000, 0, 0), 4, "big-endian"));
  all.push_back(file("G4", "minus_one_tensors", preamble(3, ~0ULL, 0), 8, "more tensors"));
  all.push_back(file("G4", "tensors_2_to_the_63", preamble(3, 1ULL << 63U, 0), 8, "more tensors"));
  all.push_back(file("G4", "one_tensor_too_many", preamble(3, 5, 0), 8, "more tensors"));
  all.push_back(file("G5", "minus_one_keys", preamble(3, 0, ~0ULL), 16, "more metadata"));
  all.push_back(file("G5", "keys_2_to_the_63", preamble(3, 0, 1ULL << 63U), 16, "more metadata"));
  all.push_back(file("G5", "one_key_too_many", preamble(3, 0, 8), 16, "more metadata"));
  // The file is as large as the counts would have it, but holds nothing: no memory may be taken for it.
  malformed_model hollow = file("G32", "counts_that_only_a_hole_is_behind", "GGUF" + u32(3) + u64(1ULL << 32U) + u64(0),
                                24, "without a name");
  hollow.files.front().hole_bytes = 1ULL << 37U;
  all.push_back(std::move(hollow));
}

void add_keys(malformed_models& all) {
  all.push_back(file("G6", "key_of_2_to_the_64_less_1_bytes", with({u64(~0ULL) + "k" + u32(uint8_value) + "v"}),
                     first_entry_at, "longer than 65535"));
  all.push_back(file("G6", "key_of_65536_bytes", with({u64(65536) + std::string(65536, 'k') + u32(uint8_value) + "v"}),
                     first_entry_at, "longer than 65535"));
  all.push_back(file("G6", "key_past_the_end", with({u64(1000) + "k" + u32(uint8_value) + "v"}), 64, "cut off"));
  all.push_back(file("G6", "string_past_the_end", with({metadata("k", string_value, u64(1000))}), value_at,
                     "string that runs past the end"));
  all.push_back(file("G6", "string_of_2_to_the_64_less_1_bytes", with({metadata("k", string_value, u64(~0ULL))}),
                     value_at, "string that runs past the end"));
  all.push_back(file("G7", "empty_key", with({metadata("", uint8_value, "v")}), first_entry_at, "empty metadata key"));
  all.push_back(file("G7", "key_that_is_not_utf8", with({metadata("k\xff", uint8_value, "v")}), first_entry_at + 9,
                     "key that is not UTF-8"));
  all.push_back(file("G8", "key_twice", with({metadata("k", uint8_value, "v"), metadata("k", uint8_value, "w")}), 46,
                     "key twice"));
  all.push_back(file("G8", "alignment_twice",
                     with({metadata("general.alignment", uint32_value, u32(32)),
                           metadata("general.alignment", uint32_value, u32(64))}),
                     first_entry_at + 33 + 8, "key twice"));
  all.push_back(file("G9", "value_type_13", with({metadata("k", 13, "v")}), type_at, "unknown type 13"));
  all.push_back(file("G9", "value_type_minus_one", with({metadata("k", ~0U, "v")}), type_at, "unknown type"));
  all.push_back(file("G9", "element_type_13", with({metadata("k", array_value, u32(13) + u64(1) + "v")}), value_at,
                     "array of unknown type"));
  all.push_back(file("G9", "element_type_minus_one", with({metadata("k", array_value, u32(~0U) + u64(1) + "v")}),
                     value_at, "array of unknown type"));
}

void add_arrays(malformed_models& all) {
  auto array = [](std::uint32_t type, std::uint64_t count, std::string const& elements = {}) {
    return with({metadata("k", array_value, u32(type) + u64(count) + elements)});
  };
  std::string bomb;
  for (int i = 0; i < 1'000'000; ++i) bomb += u32(array_value) + u64(1);
  char const* const past = "array that runs past the end";
  all.push_back(
      file("G10", "array_of_arrays", array(array_value, 1, u32(uint8_value) + u64(0)), value_at, "array of arrays"));
  all.push_back(
      file("G10", "arrays_a_million_deep", with({metadata("k", array_value, bomb)}), value_at, "array of arrays"));
  all.push_back(file("G11", "array_bytes_wrap_to_0", array(11, 1ULL << 61U), value_at + 4, past));
  all.push_back(file("G11", "array_bytes_wrap_to_4", array(int32_value, (1ULL << 62U) + 1), value_at + 4, past));
  all.push_back(file("G11", "array_past_the_end", array(uint8_value, 100), value_at + 4, past));
  all.push_back(file("G12", "second_string_past_the_end", array(string_value, 2, text("a") + u64(100)), elements_at + 9,
                     "string that runs past the end"));
  all.push_back(file("G12", "more_strings_than_bytes", array(string_value, 1ULL << 60U), value_at + 4, past));
}

void add_known_keys(malformed_models& all) {
  auto alignment = [](std::uint32_t value) { return with({metadata("general.alignment", uint32_value, u32(value))}); };
  std::uint64_t const alignment_type_at = first_entry_at + 8 + 17;
  std::uint64_t const alignment_at = alignment_type_at + 4;
  all.push_back(file("G13", "alignment_0", alignment(0), alignment_at, "not a power of two"));
  all.push_back(file("G14", "alignment_13", alignment(13), alignment_at, "not a power of two"));
  all.push_back(file("G14", "alignment_2_to_the_32_less_1", alignment(~0U), alignment_at, "not a power of two"));
  all.push_back(file("G15", "alignment_2_to_the_31", alignment(1U << 31U), alignment_at, "above 64 MiB"));
  all.push_back(file("G15", "alignment_128_mib", alignment(1U << 27U), alignment_at, "above 64 MiB"));
  all.push_back(file("G16", "alignment_as_uint64", with({metadata("general.alignment", uint64_value, u64(32))}),
                     alignment_type_at, "not of type uint32"));
  all.push_back(file("G16", "alignment_as_int32", with({metadata("general.alignment", int32_value, u32(32))}),
                     alignment_type_at, "not of type uint32"));
  all.push_back(file("G16", "alignment_as_string", with({metadata("general.alignment", string_value, text("32"))}),
                     alignment_type_at, "not of type uint32"));
  all.push_back(file("G33", "split_count_as_string", with({metadata("split.count", string_value, text("3"))}), 43,
                     "not an integer"));
  all.push_back(
      file("G33", "split_number_minus_one", with({metadata("split.no", int32_value, u32(~0U))}), 44, "negative"));
}

}  // namespace

malformed_models malformed_gguf() {
  malformed_models all;
  add_preambles(all);
  add_keys(all);
  add_arrays(all);
  add_known_keys(all);
  return all;
}

}  // namespace tierpager::testing
