// The name of a tensor, or a glob of names, for the length of one call. A plain value that owns nothing; any thread.
// It is here because a std::string_view is also made of two pointers, as `{"a", "b"}` would be, and of 0.
#pragma once

#include <concepts>
#include <string_view>
#include <type_traits>

#include <tierpager/error.hpp>

namespace tierpager {

/// What converts to a std::string_view: a literal, a std::string, a view. The text has to live as long as the call.
class name_view {
 public:
  /// The text itself. Throws tierpager::error (`invalid_argument`) for a null pointer.
  template <class Text>
  requires(std::convertible_to<Text const&, std::string_view> && !std::is_null_pointer_v<Text> &&
           !std::same_as<Text, name_view>) constexpr name_view(Text const& text)
      : text_(view_of(text)) {}  // NOLINT(google-explicit-constructor)

  /// The text.
  constexpr operator std::string_view() const { return text_; }  // NOLINT(google-explicit-constructor)

 private:
  template <class Text>
  static constexpr std::string_view view_of(Text const& text) {
    if constexpr (std::is_pointer_v<Text>)
      if (text == nullptr) throw error({.code = errc::invalid_argument, .what = "a null pointer is no name"});
    return text;
  }

  std::string_view text_;
};

}  // namespace tierpager
