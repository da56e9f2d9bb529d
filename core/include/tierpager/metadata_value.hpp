// One value of a model file's metadata: what type it has there, and the same as a C++ value where it fits one. A view: valid
// as long as the metadata that it is from. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <tierpager/export.hpp>

namespace tierpager {

/// The types that GGUF has, by its numbers, and JSON's null. What comes from JSON is boolean, string, uint64, int64 (where it
/// is negative), float64 (where it is no integer of 64 bits), null, or an array of one of these.
enum class metadata_type : std::uint8_t {
  uint8,
  int8,
  uint16,
  int16,
  uint32,
  int32,
  float32,
  boolean,
  string,
  array,
  uint64,
  int64,
  float64,
  null,
};

/// "uint32", "string": as the enumerator is spelt.
TIERPAGER_EXPORT std::string_view name_of(metadata_type type);

namespace detail {

/// Not for use.
template <class T>
inline constexpr bool is_metadata_scalar = (std::is_arithmetic_v<T> && !std::is_same_v<T, char> &&
                                            !std::is_same_v<T, wchar_t> && !std::is_same_v<T, char8_t> &&
                                            !std::is_same_v<T, char16_t> && !std::is_same_v<T, char32_t> &&
                                            !std::is_same_v<T, long double>) ||
                                           std::is_same_v<T, std::string> || std::is_same_v<T, std::string_view>;

template <class T>
struct is_metadata_vector : std::false_type {};
template <class T>
struct is_metadata_vector<std::vector<T>> : std::bool_constant<is_metadata_scalar<T>> {};

}  // namespace detail

/// What a value can be asked for as: bool, the integers, float, double, std::string, std::string_view, and a std::vector of
/// one of these for an array.
template <class T>
concept metadata_readable = detail::is_metadata_scalar<T> || detail::is_metadata_vector<T>::value;

/// One value, as the file has it.
class TIERPAGER_EXPORT metadata_value {
 public:
  /// Null.
  metadata_value() = default;

  /// What it is in the file.
  [[nodiscard]] metadata_type type() const { return type_; }
  /// What the elements of an array are; `null` for what is no array, and for an empty array of JSON.
  [[nodiscard]] metadata_type element_type() const { return element_type_; }
  /// How many elements an array has; 1 for what is no array.
  [[nodiscard]] std::uint64_t size() const;
  /// "array of 32000 string", "uint32": its type in words.
  [[nodiscard]] std::string describe() const;

  /// The value as a T, or none where it has another type or does not fit: an integer of any type becomes another integer
  /// where that holds it, and a float or double where that is exactly the same number; a float64 becomes a float by rounding,
  /// unless it is too large; no other conversion is made. An array becomes a vector where each of its elements does.
  /// A std::string_view is valid as long as the metadata. Strings are the file's bytes, which need not be UTF-8 in GGUF.
  template <metadata_readable T>
  [[nodiscard]] std::optional<T> as() const;

 private:
  friend class key_values;
  metadata_value(metadata_type type, metadata_type element_type, std::string_view encoded)
      : encoded_(encoded), type_(type), element_type_(element_type) {}

  std::string_view encoded_ = {};  // as GGUF writes it, and what comes behind
  metadata_type type_ = metadata_type::null;
  metadata_type element_type_ = metadata_type::null;
};

/// The name of a type that a value can be asked for as: "int32", "array of string".
template <metadata_readable T>
[[nodiscard]] TIERPAGER_EXPORT std::string metadata_type_name();

}  // namespace tierpager
