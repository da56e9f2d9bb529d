#include <core/format/detect.hpp>

#include <algorithm>
#include <charconv>

#include <core/format/json_events.hpp>
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

// What PyTorch writes: a zip archive of pickles, or, in old files, a pickle of protocol 2 and above.
bool looks_like_pickle(std::string_view first_bytes) {
  return first_bytes.starts_with("PK\3\4") ||
         (first_bytes.size() >= detect_bytes && first_bytes[0] == '\x80' && first_bytes[1] >= 2 && first_bytes[1] <= 5);
}

// Stops at the first of the keys that tell what a text is.
class root_key_listener final : public json_listener {
 public:
  model_format found = model_format::unknown;
  bool is_object = false;

  status on(json_token const& token) override {
    if (depth_ == 0) is_object = token.kind == json_kind::object_begin;
    if (token.kind == json_kind::object_begin || token.kind == json_kind::array_begin) ++depth_;
    if (token.kind == json_kind::object_end || token.kind == json_kind::array_end) --depth_;
    if (token.kind != json_kind::key || depth_ != 1) return {};
    if (token.text == "weight_map") found = model_format::shard_index;
    if (token.text == "tensors") found = model_format::manifest;
    if (found == model_format::unknown) return {};
    return failure{.code = errc::cancelled, .what = "found"};
  }

 private:
  std::uint32_t depth_ = 0;
};

// Nine digits at most, so that they fit.
std::string_view digits_before(std::string_view text) {
  std::size_t count = 0;
  while (count < std::min<std::size_t>(text.size(), 9) && text[text.size() - 1 - count] >= '0' &&
         text[text.size() - 1 - count] <= '9')
    ++count;
  return text.substr(text.size() - count);
}

std::uint32_t value_of(std::string_view digits) {
  std::uint32_t value = 0;
  (void)std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

std::string padded(std::uint32_t value, std::uint32_t digits) {
  std::string const text = std::to_string(value);
  return text.size() < digits ? std::string(digits - text.size(), '0') + text : text;
}

}  // namespace

model_format detect_format(std::string_view first_bytes, std::string_view name) {
  if (first_bytes.starts_with("GGUF")) return model_format::gguf;
  if (looks_like_safetensors(first_bytes)) return model_format::safetensors;
  if (looks_like_pickle(first_bytes)) return model_format::pickle;
  if (has_ending(name, ".gguf")) return model_format::gguf;
  if (has_ending(name, ".safetensors")) return model_format::safetensors;
  std::size_t const first = first_bytes.find_first_not_of(" \t\r\n");
  bool const looks_like_json = first != std::string_view::npos && first_bytes[first] == '{';
  return looks_like_json || has_ending(name, ".json") ? model_format::json : model_format::unknown;
}

model_format detect_json(std::string_view text, std::string_view name) {
  root_key_listener listener;
  status const read = read_json(text, 0, listener);
  if (listener.found != model_format::unknown) return listener.found;
  if (is_index_name(name)) return model_format::shard_index;
  // What is not an object, or cannot be read, is refused by the reader of a manifest, at its byte.
  return read.ok() && listener.is_object ? model_format::unknown : model_format::manifest;
}

bool is_index_name(std::string_view name) {
  return has_ending(name, ".json") && name.find(".safetensors.index.") != std::string_view::npos;
}

bool has_ending(std::string_view name, std::string_view lower_case_ending) {
  if (name.size() < lower_case_ending.size()) return false;
  std::string_view const ending = name.substr(name.size() - lower_case_ending.size());
  return std::equal(ending.begin(), ending.end(), lower_case_ending.begin(), [](char has, char wanted) {
    return (has >= 'A' && has <= 'Z' ? static_cast<char>(has - 'A' + 'a') : has) == wanted;
  });
}

std::optional<part_name> parse_part_name(std::string_view name) {
  constexpr std::string_view between = "-of-";
  std::size_t const at = name.rfind(between);
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view const number = digits_before(name.substr(0, at));
  std::string_view rest = name.substr(at + between.size());
  std::string_view const count = rest.substr(0, std::min(rest.find_first_not_of("0123456789"), rest.size()));
  rest.remove_prefix(count.size());
  std::size_t const stem_bytes = at - number.size();
  bool const whole = !number.empty() && !count.empty() && count.size() <= 9 && stem_bytes > 0 &&
                     name[stem_bytes - 1] == '-' && (rest.empty() || rest.front() == '.');
  if (!whole || value_of(number) > value_of(count) || value_of(count) == 0) return std::nullopt;
  return part_name{.stem = std::string(name.substr(0, stem_bytes - 1)),
                   .number = value_of(number),
                   .count = value_of(count),
                   .number_digits = static_cast<std::uint32_t>(number.size()),
                   .count_digits = static_cast<std::uint32_t>(count.size()),
                   .ending = std::string(rest)};
}

std::string to_string(part_name const& part) {
  return part.stem + "-" + padded(part.number, part.number_digits) + "-of-" + padded(part.count, part.count_digits) +
         part.ending;
}

}  // namespace tierpager
