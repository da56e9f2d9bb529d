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

namespace tierpager {

enum class errc {
  malformed_file = 1,  // the bytes of a model file contradict its format
  unsupported,         // well formed, but of a kind this build does not handle
  file_not_found,      // a file that was named, or that a model names, cannot be opened
  read_failed,         // the system refused or broke off a read
  file_truncated,      // a file ended before the bytes its header promised
  file_changed,        // a file's size or modification time changed since it was opened
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
};

std::error_category const& error_category() noexcept;
inline std::error_code make_error_code(errc code) noexcept { return {static_cast<int>(code), error_category()}; }

/// What went wrong and where. Fields that do not apply are empty.
struct failure {
  errc code = errc::invalid_argument;
  std::string what;       // "cut off inside the header": no file name, no byte, no full stop
  std::string file = {};  // as the user named it
  std::string tensor = {};
  std::optional<std::uint64_t> byte = std::nullopt;  // offset from the start of `file`
  int system_error = 0;                              // errno or the device's own code, 0 if none

  /// One line: "FILE: tensor 'NAME': WHAT (system message), at byte N".
  [[nodiscard]] std::string describe() const;
};

/// Thrown by the facade; `code()` compares equal to an `errc`.
class error : public std::system_error {
 public:
  explicit error(failure what);
  [[nodiscard]] failure const& details() const noexcept { return details_; }
  [[nodiscard]] char const* what() const noexcept override { return line_.c_str(); }

 private:
  failure details_;
  std::string line_;
};

/// A value or a failure. Reading the wrong one is a programmer's error and asserts.
template <class T>
class [[nodiscard]] result {
 public:
  result(T value) : state_(std::move(value)) {}    // NOLINT(google-explicit-constructor)
  result(failure why) : state_(std::move(why)) {}  // NOLINT(google-explicit-constructor)
  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  [[nodiscard]] T& value() & {
    assert(ok());
    return *std::get_if<0>(&state_);
  }
  [[nodiscard]] T const& value() const& {
    assert(ok());
    return *std::get_if<0>(&state_);
  }
  [[nodiscard]] T&& value() && {
    assert(ok());
    return std::move(*std::get_if<0>(&state_));
  }
  [[nodiscard]] failure const& error() const {
    assert(!ok());
    return *std::get_if<1>(&state_);
  }
  T& operator*() & { return value(); }
  T const& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  T const* operator->() const { return &value(); }

 private:
  std::variant<T, failure> state_;
};

template <>
class [[nodiscard]] result<void> {
 public:
  result() = default;
  result(failure why) : failure_(std::move(why)) {}  // NOLINT(google-explicit-constructor)
  [[nodiscard]] bool ok() const { return !failure_; }
  explicit operator bool() const { return ok(); }
  [[nodiscard]] failure const& error() const {
    assert(!ok());
    return *failure_;
  }

 private:
  std::optional<failure> failure_;
};

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
