#include <tools/metadata_report.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <core/format/names.hpp>
#include <tools/text.hpp>

namespace tierpager::tools {

namespace {

using json = nlohmann::ordered_json;

constexpr std::uint64_t elements_max = 8;  // of an array, in a line
constexpr std::size_t text_bytes_max = 120;

json json_of_real(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return value;
}

json json_of_text(std::string_view text) {
  if (!find_invalid_utf8(text)) return text;
  std::string hex;
  for (char const byte : text) hex += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return {{"hex", hex}};
}

template <class T, class Convert>
json json_array(metadata_value const& value, Convert const& convert) {
  json all = json::array();
  auto const elements = value.as<std::vector<T>>();
  for (auto const& element : elements.value()) all.push_back(convert(element));
  return all;
}

json json_of(metadata_value const& value) {
  bool const is_array = value.type() == metadata_type::array;
  auto const of = [&]<class T>(T, auto const& convert) -> json {
    return is_array ? json_array<T>(value, convert) : json(convert(*value.as<T>()));
  };
  auto const as_it_is = [](auto const& element) { return json(element); };
  switch (is_array ? value.element_type() : value.type()) {
    case metadata_type::uint8:
    case metadata_type::uint16:
    case metadata_type::uint32:
    case metadata_type::uint64: return of(std::uint64_t{}, as_it_is);
    case metadata_type::int8:
    case metadata_type::int16:
    case metadata_type::int32:
    case metadata_type::int64: return of(std::int64_t{}, as_it_is);
    case metadata_type::float32:
    case metadata_type::float64: return of(double{}, json_of_real);
    case metadata_type::boolean: return of(bool{}, [](bool element) { return json(element); });
    case metadata_type::string: return of(std::string_view{}, json_of_text);
    case metadata_type::array:
    case metadata_type::null: break;
  }
  return is_array ? json::array() : json();
}

std::string text_of_string(std::string_view text) {
  std::size_t shown = std::min(text.size(), text_bytes_max);
  while (shown < text.size() && shown > 0 && (static_cast<unsigned char>(text[shown]) & 0xc0U) == 0x80U) --shown;
  std::string line = fmt::format("\"{}\"", printable(text.substr(0, shown)));
  return shown == text.size() ? line : line + fmt::format("... ({} bytes)", text.size());
}

template <class T>
std::string text_of_array(metadata_value const& value) {
  auto const elements = value.as<std::vector<T>>().value();
  std::vector<std::string> shown;
  for (std::size_t i = 0; i < std::min<std::size_t>(elements.size(), elements_max); ++i) {
    if constexpr (std::is_same_v<T, std::string_view>)
      shown.push_back(text_of_string(elements[i]));
    else
      shown.push_back(fmt::format("{}", static_cast<T>(elements[i])));
  }
  std::string const rest = elements.size() > shown.size() ? fmt::format(", ... ({} in all)", elements.size()) : "";
  return fmt::format("[{}{}]", fmt::join(shown, ", "), rest);
}

std::string text_of(metadata_value const& value) {
  bool const is_array = value.type() == metadata_type::array;
  auto const of = [&]<class T>(T) { return is_array ? text_of_array<T>(value) : fmt::format("{}", *value.as<T>()); };
  switch (is_array ? value.element_type() : value.type()) {
    case metadata_type::uint8:
    case metadata_type::uint16:
    case metadata_type::uint32:
    case metadata_type::uint64: return of(std::uint64_t{});
    case metadata_type::int8:
    case metadata_type::int16:
    case metadata_type::int32:
    case metadata_type::int64: return of(std::int64_t{});
    case metadata_type::float32: return of(float{});
    case metadata_type::float64: return of(double{});
    case metadata_type::boolean: return of(bool{});
    case metadata_type::string:
      return is_array ? text_of_array<std::string_view>(value) : text_of_string(*value.as<std::string_view>());
    case metadata_type::array:
    case metadata_type::null: break;
  }
  return is_array ? "[]" : "null";
}

std::string type_of(metadata_value const& value) {
  if (value.type() != metadata_type::array) return std::string(name_of(value.type()));
  return value.size() == 0 ? "array" : fmt::format("{}[]", name_of(value.element_type()));
}

void add_lines(std::string& text, key_values const& values, std::string_view before) {
  std::size_t key_width = 0;
  std::size_t type_width = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    key_width = std::max(key_width, printable(values[i].key).size());
    type_width = std::max(type_width, type_of(values[i].value).size());
  }
  key_width = std::min<std::size_t>(key_width, text_bytes_max);
  for (std::size_t i = 0; i < values.size(); ++i)
    text += fmt::format("{}{:<{}}  {:<{}}  {}\n", before, printable(values[i].key), key_width, type_of(values[i].value),
                        type_width, text_of(values[i].value));
}

}  // namespace

json json_of(key_values const& values) {
  json all = json::object();
  // Keys are unique, and asking for each whether it is would take the square of their number.
  auto& members = static_cast<json::object_t::Container&>(all.get_ref<json::object_t&>());
  for (std::size_t i = 0; i < values.size(); ++i)
    members.emplace_back(std::string(values[i].key), json_of(values[i].value));
  return all;
}

json config_json(metadata const& of) {
  // Only what was found to be strict JSON is known not to be nested too deep.
  return of.config.size() != 0 ? json::parse(of.config_text) : json_of_text(of.config_text);
}

std::string text_of(metadata const& of) {
  std::string text = fmt::format("{}, {} metadata keys\n", of.format, of.values.size());
  add_lines(text, of.values, "");
  if (of.config_text.empty()) return text;
  if (of.config.size() == 0) return text + "config.json: " + text_of_string(of.config_text) + "\n";
  add_lines(text, of.config, "config.json: ");
  return text;
}

}  // namespace tierpager::tools
