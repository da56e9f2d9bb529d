// Strict JSON as a stream of tokens, each with the byte it starts at; builds no tree. Pure; any thread.
// Strict: UTF-8 without a byte order mark, no NUL, nothing after the value, nesting bounded, numbers told apart as integers of
// 64 bits and all others. Says nothing about duplicate keys: that is the listener's to know.
#pragma once

#include <cstdint>
#include <string_view>

#include <tierpager/error.hpp>

namespace tierpager {

enum class json_kind : std::uint8_t {
  object_begin,
  object_end,
  array_begin,
  array_end,
  key,
  string,
  unsigned_integer,
  negative_integer,  // of at least -2^63
  real,              // any other number
  boolean,
  null
};

struct json_token {
  json_kind kind;
  std::string_view text = {};  // of a key or string, decoded; valid during the call only
  std::uint64_t number = 0;    // of an integer, a negative one in two's complement; of a boolean 0 or 1
  double real = 0;             // of a real
  std::uint64_t byte = 0;      // where it starts, from the start of the file
};

class json_listener {
 public:
  virtual ~json_listener() = default;
  /// A failure stops the parse and becomes its result.
  virtual status on(json_token const& token) = 0;
};

inline constexpr std::uint32_t json_depth_max = 16;

/// `first_byte` is where `text` starts in its file. Fails with `malformed_file`, or what the listener said.
[[nodiscard]] status read_json(std::string_view text, std::uint64_t first_byte, json_listener& listener);

}  // namespace tierpager
