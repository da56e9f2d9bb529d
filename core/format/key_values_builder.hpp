// Fills key_values, either with a stretch of a GGUF header as it stands there, or value by value. One thread. Checks nothing:
// what it is given has been read and found right.
#pragma once

#include <tierpager/key_values.hpp>

namespace tierpager {

/// How numbers, strings and arrays lie in a value: as GGUF writes them.
void append_number(std::string& encoded, std::uint64_t value);
void append_text(std::string& encoded, std::string_view text);

class key_values_builder {
 public:
  void reserve(std::size_t count) { built_.places_.reserve(count); }

  /// A key and a value by where they start in the text that `finish` will be given. `element_type` is that of an array.
  void place(std::uint64_t key_at, std::uint64_t key_bytes, std::uint64_t value_at, metadata_type type,
             metadata_type element_type);
  void add(std::string_view key, metadata_type type, std::string_view encoded);
  void add_array(std::string_view key, metadata_type element_type, std::uint64_t count, std::string_view encoded);

  /// Bytes of all that was added.
  [[nodiscard]] std::size_t bytes() const { return built_.bytes_.size(); }

  /// Of a key that is there several times the last counts, in the place of the first.
  [[nodiscard]] key_values finish() &&;
  /// The same, of what was placed, which is copied.
  [[nodiscard]] key_values finish(std::string_view text) &&;

 private:
  void add_key(std::string_view key, metadata_type type, metadata_type element_type);

  key_values built_;
};

}  // namespace tierpager
