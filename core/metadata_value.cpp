#include <tierpager/metadata_value.hpp>

#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

namespace tierpager {
namespace {

constexpr std::array<std::string_view, 14> names = {"uint8",  "int8",    "uint16",  "int16",  "uint32",
                                                    "int32",  "float32", "boolean", "string", "array",
                                                    "uint64", "int64",   "float64", "null"};
constexpr std::array<std::uint8_t, 14> bytes_of_type = {1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8, 0};

std::uint64_t load(std::string_view encoded, std::size_t bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes; i-- > 0;) value = value << 8U | static_cast<unsigned char>(encoded[i]);
  return value;
}

bool is_signed(metadata_type type) {
  return type == metadata_type::int8 || type == metadata_type::int16 || type == metadata_type::int32 ||
         type == metadata_type::int64;
}

bool is_integer(metadata_type type) {
  return is_signed(type) || type == metadata_type::uint8 || type == metadata_type::uint16 ||
         type == metadata_type::uint32 || type == metadata_type::uint64;
}

std::int64_t load_signed(std::string_view encoded, std::size_t bytes) {
  std::uint64_t const unused_bits = 64 - 8 * bytes;
  return static_cast<std::int64_t>(load(encoded, bytes) << unused_bits) >> unused_bits;
}

// Integers to any number that is the same one.
template <class T, class Integer>
std::optional<T> exactly(Integer value) {
  if constexpr (std::is_floating_point_v<T>) {
    // Whole numbers up to here are exact; above, it is the lowest bits that decide.
    auto const magnitude =
        value < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
    int const digits =
        magnitude == 0 ? 0
                       : static_cast<int>(std::bit_width(magnitude)) - static_cast<int>(std::countr_zero(magnitude));
    return digits <= std::numeric_limits<T>::digits ? std::optional<T>(static_cast<T>(value)) : std::nullopt;
  } else {
    return std::in_range<T>(value) ? std::optional<T>(static_cast<T>(value)) : std::nullopt;
  }
}

std::optional<double> real_of(metadata_type type, std::string_view encoded) {
  if (type == metadata_type::float32) return std::bit_cast<float>(static_cast<std::uint32_t>(load(encoded, 4)));
  if (type == metadata_type::float64) return std::bit_cast<double>(load(encoded, 8));
  return std::nullopt;
}

template <class T>
std::optional<T> scalar(metadata_type type, std::string_view encoded) {
  std::size_t const bytes = bytes_of_type[static_cast<std::size_t>(type)];
  if constexpr (std::is_same_v<T, bool>) {
    return type == metadata_type::boolean ? std::optional(encoded[0] != 0) : std::nullopt;
  } else if constexpr (std::is_arithmetic_v<T>) {
    if (is_integer(type))
      return is_signed(type) ? exactly<T>(load_signed(encoded, bytes)) : exactly<T>(load(encoded, bytes));
    if constexpr (std::is_floating_point_v<T>) {
      auto const value = real_of(type, encoded);
      if (value && (!std::isfinite(*value) || std::abs(*value) <= std::numeric_limits<T>::max()))
        return static_cast<T>(*value);
    }
    return std::nullopt;
  } else {
    return type == metadata_type::string ? std::optional<T>(encoded.substr(8, load(encoded, 8))) : std::nullopt;
  }
}

template <class T>
struct element {
  using type = void;
};
template <class T>
struct element<std::vector<T>> {
  using type = T;
};

template <class T>
std::optional<std::vector<T>> vector_of(metadata_type element_type, std::string_view elements, std::uint64_t count) {
  std::vector<T> all;
  all.reserve(count);
  std::size_t const bytes = bytes_of_type[static_cast<std::size_t>(element_type)];
  for (std::uint64_t i = 0; i < count; ++i) {
    auto value = scalar<T>(element_type, elements);
    if (!value) return std::nullopt;
    all.push_back(*std::move(value));
    elements.remove_prefix(element_type == metadata_type::string ? 8 + load(elements, 8) : bytes);
  }
  return all;
}

template <class T>
std::string_view scalar_name() {
  if constexpr (std::is_same_v<T, bool>)
    return "boolean";
  else if constexpr (!std::is_arithmetic_v<T>)
    return "string";
  else if constexpr (std::is_floating_point_v<T>)
    return sizeof(T) == 4 ? "float32" : "float64";
  else if constexpr (std::is_signed_v<T>)
    return sizeof(T) == 1 ? "int8" : sizeof(T) == 2 ? "int16" : sizeof(T) == 4 ? "int32" : "int64";
  else
    return sizeof(T) == 1 ? "uint8" : sizeof(T) == 2 ? "uint16" : sizeof(T) == 4 ? "uint32" : "uint64";
}

}  // namespace

std::string_view name_of(metadata_type type) { return names[static_cast<std::size_t>(type)]; }

std::uint64_t metadata_value::size() const { return type_ == metadata_type::array ? load(encoded_.substr(4), 8) : 1; }

std::string metadata_value::describe() const {
  if (type_ != metadata_type::array) return std::string(name_of(type_));
  return "array of " + std::to_string(size()) + (size() == 0 ? "" : " " + std::string(name_of(element_type_)));
}

template <metadata_readable T>
std::optional<T> metadata_value::as() const {
  using element_type = typename element<T>::type;
  if constexpr (std::is_void_v<element_type>) {
    return type_ == metadata_type::array || type_ == metadata_type::null ? std::nullopt : scalar<T>(type_, encoded_);
  } else {
    if (type_ != metadata_type::array) return std::nullopt;
    return vector_of<element_type>(element_type_, encoded_.substr(12), size());
  }
}

template <metadata_readable T>
std::string metadata_type_name() {
  using element_type = typename element<T>::type;
  if constexpr (std::is_void_v<element_type>)
    return std::string(scalar_name<T>());
  else
    return "array of " + std::string(scalar_name<element_type>());
}

#define TIERPAGER_METADATA_TYPE(T)                                                   \
  template std::optional<T> metadata_value::as<T>() const;                           \
  template std::optional<std::vector<T>> metadata_value::as<std::vector<T>>() const; \
  template std::string metadata_type_name<T>();                                      \
  template std::string metadata_type_name<std::vector<T>>();
TIERPAGER_METADATA_TYPE(bool)
TIERPAGER_METADATA_TYPE(signed char)
TIERPAGER_METADATA_TYPE(unsigned char)
TIERPAGER_METADATA_TYPE(short)
TIERPAGER_METADATA_TYPE(unsigned short)
TIERPAGER_METADATA_TYPE(int)
TIERPAGER_METADATA_TYPE(unsigned int)
TIERPAGER_METADATA_TYPE(long)
TIERPAGER_METADATA_TYPE(unsigned long)
TIERPAGER_METADATA_TYPE(long long)
TIERPAGER_METADATA_TYPE(unsigned long long)
TIERPAGER_METADATA_TYPE(float)
TIERPAGER_METADATA_TYPE(double)
TIERPAGER_METADATA_TYPE(std::string)
TIERPAGER_METADATA_TYPE(std::string_view)
#undef TIERPAGER_METADATA_TYPE

}  // namespace tierpager
