#include <tierpager/key_values.hpp>

#include <algorithm>

namespace tierpager {

key_values::entry key_values::operator[](std::size_t index) const {
  place const& each = places_.at(index);
  return {.key = key_of(each), .value = value_of(each)};
}

std::optional<metadata_value> key_values::find(std::string_view key) const {
  auto const at = std::lower_bound(
      by_name_.begin(), by_name_.end(), key,
      [this](std::uint32_t index, std::string_view sought) { return key_of(places_[index]) < sought; });
  if (at == by_name_.end() || key_of(places_[*at]) != key) return std::nullopt;
  return value_of(places_[*at]);
}

metadata_value key_values::value_of(place const& each) const {
  return {each.type, each.element_type, std::string_view(bytes_).substr(each.value_at)};
}

metadata_value key_values::at(std::string_view key) const {
  if (auto const value = find(key)) return *value;
  throw error(failure{.code = errc::unknown_key, .what = "there is no metadata '" + std::string(key) + "'"});
}

void key_values::refuse(std::string_view key, metadata_value value, std::string const& wanted) {
  std::string what = "metadata '" + std::string(key) + "' is of type " + value.describe();
  if (auto const number = value.as<std::int64_t>()) what += " and is " + std::to_string(*number);
  throw error(failure{.code = errc::invalid_argument, .what = what + ", which is no " + wanted});
}

}  // namespace tierpager
