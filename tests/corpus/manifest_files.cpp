// Raw manifests that are wrong, or that speak of files that do not hold what they say.
#include <tests/corpus/malformed.hpp>

namespace tierpager::testing {
namespace {

constexpr std::uint64_t tensor_at = 12;  // behind {"tensors":[
constexpr std::uint64_t file_at = tensor_at + 12 + 7;
constexpr std::uint64_t rest_at = file_at + 4;  // where the file's name has one letter

malformed_model file(std::string row, std::string name, std::string content, std::uint64_t byte, std::string what,
                     std::string tensor = "t") {
  return {.row = std::move(row),
          .name = std::move(name),
          .files = {{.name = "model.json", .content = std::move(content)}},
          .byte = byte,
          .what = std::move(what),
          .tensor = std::move(tensor)};
}

std::string entry(std::string const& called, std::string const& rest) {
  return R"({"name":"t","file":")" + called + "\"," + rest + "}";
}

std::string of(std::string const& tensors) { return R"({"tensors":[)" + tensors + "]}"; }
std::string with_tensor(std::string const& rest) { return of(entry("m", rest)); }

std::string const fine = R"("offset":0,"bytes":4,"dtype":"F32","shape":[1])";

void add_extents(malformed_models& all) {
  all.push_back(file("R1", "end_wraps", with_tensor(R"("offset":18446744073709551613,"bytes":4,"dtype":"F32","shape":[1])"),
                     rest_at + 9, "2^64 bytes"));
  auto past = [&](std::string name, std::string const& offset, std::string content) {
    all.push_back({.row = "R1",
                   .name = std::move(name),
                   .files = {{.name = "model.json",
                              .content = with_tensor(R"("offset":)" + offset + R"(,"bytes":4,"dtype":"F32","shape":[1])")},
                             {.name = "m", .content = std::move(content)}},
                   .byte = 4,
                   .what = "past the end of the file",
                   .tensor = "t",
                   .blamed = "m"});
  };
  past("end_past_the_file", "1", "dddd");
  past("offset_past_the_file", "5", "dddd");
  past("offset_2_to_the_63", "9223372036854775808", "dddd");
  all.push_back(file("R2", "bytes_above_the_shape", with_tensor(R"("offset":0,"bytes":5,"dtype":"F32","shape":[1])"),
                     rest_at + 19, "do not agree"));
  all.push_back(file("R2", "bytes_below_the_shape", with_tensor(R"("offset":0,"bytes":3,"dtype":"F32","shape":[1])"),
                     rest_at + 19, "do not agree"));
  all.push_back(file("R2", "half_a_block", with_tensor(R"("offset":0,"bytes":18,"dtype":"Q4_0","shape":[33])"), rest_at + 19,
                     "do not agree"));
  all.push_back(file("R2", "elements_wrap_to_0",
                     with_tensor(R"("offset":0,"bytes":0,"dtype":"F32","shape":[4294967296,4294967296])"), rest_at + 43,
                     "2^64 elements"));
  all.push_back(file("R2", "bytes_wrap_to_0",
                     with_tensor(R"("offset":0,"bytes":0,"dtype":"F32","shape":[4611686018427387904])"), rest_at + 19,
                     "do not agree"));
  all.push_back(file("R2", "offset_negative", with_tensor(R"("offset":-1,"bytes":4,"dtype":"F32","shape":[1])"), rest_at + 9,
                     "'offset' of the wrong kind"));
  all.push_back(file("R2", "bytes_are_a_fraction", with_tensor(R"("offset":0,"bytes":4.0,"dtype":"F32","shape":[1])"),
                     rest_at + 19, "'bytes' of the wrong kind"));
  all.push_back(file("R2", "dtype_is_a_number", with_tensor(R"("offset":0,"bytes":4,"dtype":7,"shape":[1])"), rest_at + 29,
                     "'dtype' of the wrong kind"));
  all.push_back(file("R2", "dimension_negative", with_tensor(R"("offset":0,"bytes":4,"dtype":"F32","shape":[-1])"),
                     rest_at + 44, "not an integer"));
  all.push_back(file("R2", "no_shape", with_tensor(R"("offset":0,"bytes":4,"dtype":"F32")"), tensor_at, "no 'shape'"));
}

void add_names(malformed_models& all) {
  auto called = [&](std::string name, std::string const& path) {
    all.push_back(file("R3", std::move(name), of(entry(path, fine)), file_at, "plain file name"));
  };
  called("absolute_path", "/etc/passwd");
  called("parent", "..");
  called("file_of_the_parent", "../m");
  called("separator", "a/b");
  called("backslash", R"(a\\b)");
  called("nul", R"(a\u0000)");
  called("empty_name", "");
  called("the_folder_itself", ".");
  malformed_model fifo = file("R3", "file_is_a_fifo", with_tensor(fine), 0, "not a regular file", "");
  fifo.files.push_back({.name = "m", .content = {}, .kind = file_kind::fifo});
  malformed_model directory = file("R3", "file_is_a_directory", with_tensor(fine), 0, "is a directory", "");
  directory.files.push_back({.name = "m", .content = {}, .kind = file_kind::directory});
  malformed_model missing = file("R3", "file_missing", with_tensor(fine), 0, "cannot be opened", "");
  missing.code = errc::file_not_found;
  for (malformed_model* const each : {&fifo, &directory, &missing}) {
    each->blamed = "m";
    each->byte = std::nullopt;
    all.push_back(std::move(*each));
  }
  std::string const twice = of(entry("m", fine) + "," + entry("m", fine));
  all.push_back(file("R4", "tensor_twice", twice, tensor_at + entry("m", fine).size() + 1 + 8, "is there twice"));
  all.push_back(file("R4", "field_twice", with_tensor(R"("offset":0,"offset":0)"), rest_at + 11, "field twice"));
  all.push_back(file("R4", "tensors_twice", R"({"tensors":[],"tensors":[]})", 14, "key twice", ""));
}

void add_texts(malformed_models& all) {
  all.push_back(file("R5", "tensors_are_an_object", R"({"tensors":{}})", 11, "not an array", ""));
  all.push_back(file("R5", "tensor_is_a_number", of("5"), tensor_at, "not an object", ""));
  all.push_back(file("R5", "no_tensors", R"({"tensor_map":{}})", 17, "no raw manifest", ""));
  all.push_back(file("R5", "root_is_an_array", "[]", 0, "not a JSON object", ""));
  all.push_back(file("R5", "empty", "", 0, "cut off", ""));
  all.push_back(
      file("R5", "arrays_a_million_deep", R"({"x":)" + std::string(1'000'000, '['), 5 + 15, "nested too deep", ""));
  all.push_back(file("R5", "name_with_nul", of(R"({"name":"a\u0000"})"), tensor_at + 8, "NUL", ""));
  malformed_model large = file("R5", "above_100_mb", of(""), 100'000'000, "above 100000000 bytes", "");
  large.files.front().hole_bytes = 100'000'000;
  all.push_back(std::move(large));
  malformed_model unknown = file("R5", "no_format_at_all", "PK\3\4", 0, "neither GGUF nor safetensors", "");
  unknown.files.front().name = "model.bin";
  all.push_back(std::move(unknown));
}

}  // namespace

malformed_models malformed_manifests() {
  malformed_models all;
  add_extents(all);
  add_names(all);
  add_texts(all);
  return all;
}

}  // namespace tierpager::testing
