#include <core/format/detect.hpp>

#include <charconv>

#include <core/format/safetensors.hpp>

namespace tierpager {
namespace {

bool looks_like_safetensors(std::string_view first_bytes) {
  if (first_bytes.size() < 9) return false;
  std::uint64_t header_bytes = 0;
  for (std::size_t i = 8; i-- > 0;) header_bytes = header_bytes << 8U | static_cast<unsigned char>(first_bytes[i]);
  // JSON text holds no NUL, so the eight bytes of a length this small are never the start of one.
  return header_bytes <= safetensors_header_bytes_max &&
         std::string_view("{ \t\r\n").find(first_bytes[8]) != std::string_view::npos;
}

std::optional<std::uint32_t> parse_five_digits(std::string_view digits) {
  std::uint32_t value = 0;
  for (char const digit : digits)
    if (digit < '0' || digit > '9') return std::nullopt;
  (void)std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

std::string five_digits(std::uint32_t value) {
  std::string const digits = std::to_string(value);
  return digits.size() < 5 ? std::string(5 - digits.size(), '0') + digits : digits;
}

}  // namespace

model_format detect_format(std::string_view first_bytes, std::string_view name) {
  if (first_bytes.starts_with("GGUF")) return model_format::gguf;
  if (looks_like_safetensors(first_bytes)) return model_format::safetensors;
  if (name.ends_with(".gguf")) return model_format::gguf;
  if (name.ends_with(".safetensors")) return model_format::safetensors;
  if (name.ends_with(".index.json")) return model_format::shard_index;
  std::size_t const first = first_bytes.find_first_not_of(" \t\r\n");
  bool const looks_like_json = first != std::string_view::npos && first_bytes[first] == '{';
  return name.ends_with(".json") || looks_like_json ? model_format::manifest : model_format::unknown;
}

std::optional<split_name> parse_split_name(std::string_view name) {
  constexpr std::size_t suffix_bytes = std::string_view("-00001-of-00002.gguf").size();
  if (name.size() < suffix_bytes) return std::nullopt;
  std::string_view const suffix = name.substr(name.size() - suffix_bytes);
  if (suffix[0] != '-' || suffix.substr(6, 4) != "-of-" || suffix.substr(15) != ".gguf") return std::nullopt;
  auto const number = parse_five_digits(suffix.substr(1, 5));
  auto const count = parse_five_digits(suffix.substr(10, 5));
  if (!number || !count || *number == 0 || *number > *count) return std::nullopt;
  return split_name{
      .stem = std::string(name.substr(0, name.size() - suffix_bytes)), .number = *number - 1, .count = *count};
}

std::string to_string(split_name const& part) {
  return part.stem + "-" + five_digits(part.number + 1) + "-of-" + five_digits(part.count) + ".gguf";
}

}  // namespace tierpager
