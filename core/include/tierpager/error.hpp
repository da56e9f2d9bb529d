// How tierpager reports failure: `failure` is a value that core and ports return inside a `result`; `error` is what
// the facade throws. Values, any thread. Nothing here prints or logs.
#pragma once

#include <cassert>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <variant>

#include <tierpager/export.hpp>

namespace tierpager {

/// What kind of failure; each comment says what the caller may conclude.
enum class errc {
  malformed_file = 1,  // the bytes of a model file contradict its format
  unsupported,         // well formed, but of a kind this build does not handle
  file_not_found,      // a file that was named, or that a model names, cannot be opened
  read_failed,         // the system refused or broke off a read
  file_truncated,      // a file ended before the bytes its header promised
  file_changed,        // a file was written, replaced or touched since it was opened; the message says what changed
  unknown_tensor,      // no tensor of that name or id
  out_of_range,        // a tensor's extent lies outside its file
  budget_too_small,    // can never fit; the message says how many bytes would do
  invalid_argument,    // an option or parameter that makes no sense
  out_of_memory,       // the system or the driver refused memory
  device_failed,       // a device call failed; the next acquire may work
  device_lost,         // the device's context is gone; every later call fails with this
  cancelled,           // the caller's stop token was triggered
  timed_out,           // the caller's deadline passed
  closed,              // the pager was closed
  would_wait,          // the call may not wait, and would have to
  blocked_by_handles,  // there is room, but not in one piece beside what handles hold; the message names them
  would_deadlock,      // no room beside the handles of the acquire's own owner; the message names them
  unknown_key,         // no metadata of that name
};

/// The category of errc, named "tierpager".
TIERPAGER_EXPORT std::error_category const& error_category() noexcept;
/// For std::error_code; found by argument-dependent lookup.
inline std::error_code make_error_code(errc code) noexcept { return {static_cast<int>(code), error_category()}; }

/// What went wrong and where. Fields that do not apply are empty.
struct TIERPAGER_EXPORT failure {
  errc code = errc::invalid_argument;                // what kind
  std::string what;                                  // "cut off inside the header": no file name, no byte, no full stop
  std::string file = {};                             // as the user named it
  std::string tensor = {};                           // its name
  std::optional<std::uint64_t> byte = std::nullopt;  // offset from the start of `file`
  int system_error = 0;                              // errno or the device's own code, 0 if none

  /// One line: "FILE: tensor 'NAME': WHAT (system message), at byte N". What a file chose is made printable, and cut
  /// where it is long.
  [[nodiscard]] std::string describe() const;
};

/// Thrown by the facade; `code()` compares equal to an `errc`.
class TIERPAGER_EXPORT error : public std::system_error {
 public:
  /// what() is failure::describe of it.
  explicit error(failure what);
  /// The failure itself: which file, tensor and byte.
  [[nodiscard]] failure const& details() const noexcept { return details_; }
  /// One line, without a full stop or a line break.
  [[nodiscard]] char const* what() const noexcept override { return line_.c_str(); }

 private:
  failure details_;
  std::string line_;
};

/// A value or a failure. Reading the wrong one is a programmer's error and asserts.
template <class T>
class [[nodiscard]] result {
 public:
  /// A value.
  result(T value) : state_(std::move(value)) {}  // NOLINT(google-explicit-constructor)
  /// A failure.
  result(failure why) : state_(std::move(why)) {}  // NOLINT(google-explicit-constructor)
  /// Whether there is a value.
  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  /// The same as ok().
  explicit operator bool() const { return ok(); }
  /// The value; asserts where there is none. It belongs to the result.
  [[nodiscard]] T& value() & {
    assert(ok());
    return *std::get_if<0>(&state_);
  }
  /// The same, read-only.
  [[nodiscard]] T const& value() const& {
    assert(ok());
    return *std::get_if<0>(&state_);
  }
  /// The same, to be moved from.
  [[nodiscard]] T&& value() && {
    assert(ok());
    return std::move(*std::get_if<0>(&state_));
  }
  /// The failure; asserts where there is none.
  [[nodiscard]] failure const& error() const {
    assert(!ok());
    return *std::get_if<1>(&state_);
  }
  /// The same as value().
  T& operator*() & { return value(); }
  /// The same as value().
  T const& operator*() const& { return value(); }
  /// Into the value; asserts where there is none.
  T* operator->() { return &value(); }
  /// Into the value, read-only.
  T const* operator->() const { return &value(); }

 private:
  std::variant<T, failure> state_;
};

/// Done, or a failure. A default-constructed one says that it was done.
template <>
class [[nodiscard]] result<void> {
 public:
  result() = default;
  /// A failure.
  result(failure why) : failure_(std::move(why)) {}  // NOLINT(google-explicit-constructor)
  /// Whether there is no failure.
  [[nodiscard]] bool ok() const { return !failure_; }
  /// The same as ok().
  explicit operator bool() const { return ok(); }
  /// The failure; asserts where there is none.
  [[nodiscard]] failure const& error() const {
    assert(!ok());
    return *failure_;
  }

 private:
  std::optional<failure> failure_;
};

/// Whether something was done: a result without a value.
using status = result<void>;

/// The value, or throws the failure as `tierpager::error`. For the facade and for tools; core never throws.
template <class T>
T value_or_throw(result<T> what) {
  if (!what.ok()) throw error(what.error());
  if constexpr (!std::is_void_v<T>) return std::move(what).value();
}

}  // namespace tierpager

template <>
struct std::is_error_code_enum<tierpager::errc> : std::true_type {};
