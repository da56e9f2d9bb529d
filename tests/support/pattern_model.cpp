#include <tests/support/pattern_model.hpp>

#include <string>

namespace tierpager::test {

status pattern_source::read(std::uint32_t file, std::uint64_t offset, std::span<std::byte> target) {
  if (file != 0 || offset > bytes_ || target.size() > bytes_ - offset)
    return failure{.code = errc::file_truncated, .what = "ends early", .file = "pattern", .byte = bytes_};
  for (std::size_t i = 0; i < target.size(); ++i) target[i] = pattern_byte(offset + i);
  return {};
}

pattern_model make_pattern_model(std::span<std::uint64_t const> sizes_bytes) {
  pattern_model made;
  made.tensors.add_file("pattern");
  std::uint64_t offset = 0;
  for (std::size_t i = 0; i < sizes_bytes.size(); ++i) {
    value_or_throw(made.tensors.add({.name = "t" + std::to_string(i),
                                     .dtype = "U8",
                                     .shape = {sizes_bytes[i]},
                                     .offset = offset,
                                     .bytes = sizes_bytes[i]}));
    offset += sizes_bytes[i];
  }
  made.source = std::make_shared<pattern_source>(offset);
  return made;
}

pattern_model make_pattern_model(std::size_t tensors, std::uint64_t bytes_each) {
  return make_pattern_model(std::vector<std::uint64_t>(tensors, bytes_each));
}

std::uint64_t first_wrong_byte(tensor_info const& tensor, std::span<std::byte const> actual) {
  for (std::size_t i = 0; i < actual.size(); ++i)
    if (actual[i] != pattern_byte(tensor.offset + i)) return i;
  return actual.size();
}

}  // namespace tierpager::test
