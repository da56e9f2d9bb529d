// Named values of a model file, each with its type. Built by the format readers, then read-only: any thread. Keeps what the
// file says as it is written there, in one piece, so that it takes little more memory than the file's header.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tierpager/error.hpp>
#include <tierpager/export.hpp>
#include <tierpager/metadata_value.hpp>

namespace tierpager {

/// Values by key, in the file's order. Views into it are valid as long as it is, and is not assigned to.
class TIERPAGER_EXPORT key_values {
 public:
  /// A key and what it stands for.
  struct entry {
    std::string_view key;  // as the file spells it
    metadata_value value;  // valid as long as the file's values
  };

  /// How many.
  [[nodiscard]] std::size_t size() const { return places_.size(); }
  /// By its place in the file, from 0; throws std::out_of_range.
  [[nodiscard]] entry operator[](std::size_t index) const;
  /// The value of a key, if there is one. A binary search.
  [[nodiscard]] std::optional<metadata_value> find(std::string_view key) const;
  /// Whether there is such a key.
  [[nodiscard]] bool contains(std::string_view key) const { return find(key).has_value(); }

  /// The value as a T, by the rules of metadata_value::as. Throws `unknown_key` where there is no such key, and
  /// `invalid_argument` where its value has another type or does not fit.
  template <metadata_readable T>
  [[nodiscard]] T get(std::string_view key) const {
    metadata_value const value = at(key);
    if (auto converted = value.as<T>()) return *std::move(converted);
    refuse(key, value, metadata_type_name<T>());
  }
  /// The same, but `otherwise` where there is no such key.
  template <metadata_readable T>
  [[nodiscard]] T get_or(std::string_view key, T otherwise) const {
    return contains(key) ? get<T>(key) : otherwise;
  }

 private:
  friend class key_values_builder;
  struct place {
    std::uint32_t key_at;
    std::uint32_t value_at;
    std::uint32_t key_bytes;
    metadata_type type;
    metadata_type element_type;
  };
  [[nodiscard]] std::string_view key_of(place const& each) const {
    return std::string_view(bytes_).substr(each.key_at, each.key_bytes);
  }
  [[nodiscard]] metadata_value value_of(place const& each) const;
  [[nodiscard]] metadata_value at(std::string_view key) const;
  [[noreturn]] static void refuse(std::string_view key, metadata_value value, std::string const& wanted);

  std::string bytes_;                   // keys, and values as GGUF writes them
  std::vector<place> places_;           // in the file's order
  std::vector<std::uint32_t> by_name_;  // indexes into places_
};

}  // namespace tierpager
