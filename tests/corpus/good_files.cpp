// One good model of each format, with all that a header may hold: what is cut, mutated and fuzzed.
#include <tests/core/format/format_bytes.hpp>
#include <tests/corpus/malformed.hpp>

namespace tierpager::testing {
namespace {

constexpr std::uint32_t string_value = 8, array_value = 9;

gguf_file gguf() {
  return {.metadata = {metadata("general.architecture", string_value, text("llama")),
                       metadata("tokens", array_value, u32(string_value) + u64(2) + text("a") + text("")),
                       metadata("scores", array_value, u32(5) + u64(3) + std::string(12, 's')),
                       metadata("flag", 7, std::string(1, '\1')), metadata("general.alignment", 4, u32(64)),
                       metadata("split.count", 2, std::string("\1\0", 2))},
          .tensors = {{.name = "a", .shape = {5, 3}, .type = 0, .offset = 0},
                      {.name = "empty", .shape = {0, 7}, .type = 0, .offset = 64},
                      {.name = "blk.0.\xc3\xa9", .shape = {32, 1, 1, 2}, .type = 8, .offset = 64}},
          .data_bytes = 64 + 128,
          .alignment = 64};
}

std::string const safetensors_json =
    R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[2],"data_offsets":[5,13]},)"
    R"("a\u00e9":{"shape":[5],"dtype":"U8","new":{"x":[1.5,null]},"data_offsets":[0,5]},)"
    R"("scalar":{"dtype":"BF16","shape":[],"data_offsets":[13,15]},"none":{"dtype":"I64","shape":[0,9],"data_offsets":[15,15]},)"
    R"("four":{"dtype":"F4","shape":[3,2],"data_offsets":[15,18]}}   )";

}  // namespace

std::string good_gguf() { return gguf().build(); }
std::uint64_t good_gguf_padding_bytes() { return 128 - std::uint64_t{2} * 34; }
std::uint64_t good_gguf_header_bytes() { return gguf().header().size(); }

std::string good_safetensors() { return safetensors_file(safetensors_json, 18); }
std::uint64_t good_safetensors_header_bytes() { return 8 + safetensors_json.size(); }

std::string good_index() {
  return R"({"metadata":{"total_size":8,"other":[{}]},"weight_map":{"c":"m-2.safetensors","a":"m-1.safetensors",)"
         R"("b\u00e9":"m-2.safetensors"},"more":null})";
}

std::string good_manifest() {
  return R"({"made by":"hand","tensors":[{"name":"b","file":"z.bin","offset":64,"bytes":16,"dtype":"F32","shape":[2,2]},)"
         R"({"name":"c","file":"a.bin","offset":0,"bytes":3,"dtype":"trits","shape":[16],"note":{"x":[]}},)"
         R"({"shape":[],"dtype":"BF16","bytes":2,"offset":7,"file":"z.bin","name":"a\u00e9"}]})";
}

}  // namespace tierpager::testing
