// A tier's byte budget as a user writes it. A plain value: any thread.
// Parsing is pure; `auto` is resolved on the host (host/auto_budget).
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include <tierpager/byte_count.hpp>
#include <tierpager/error.hpp>
#include <tierpager/export.hpp>

namespace tierpager {

/// What `unlimited` is as a number of bytes: 2^64-1.
inline constexpr std::uint64_t unlimited_bytes = ~std::uint64_t{0};

/// As text: `4096` bytes, `512KiB` `512MiB` `6GiB` `1TiB` (1024), `6KB` `6MB` `6GB` `1TB` (1000), `40%` of the model, `auto`,
/// `unlimited`, `none` (no such tier). There may be blanks before a unit and around the text. `6G` alone is refused, since it
/// is read as 1000 by some and as 1024 by others. Up to 18 decimals are allowed before a unit or `%` ("1.5GiB") and round down
/// to whole bytes, those of `%` first to 1e-9 of a percent; upper and lower case mean the same. `%` is above 0, and may be
/// above 100. In code: `8_GiB`, `bytes(n)`, `percent(30)`. A bare number does not compile, as it has no unit.
///
/// `100%` holds the whole model and the pager's scratch memory: it is what their places take in the tier (see
/// vram_align_bytes; in RAM whole blocks of 4 KiB), rounded up to the device's granule; a smaller share is of that.
class TIERPAGER_EXPORT budget {
 public:
  /// How the budget was written.
  enum class kind : std::uint8_t { bytes, percent, automatic, unlimited, none };

  /// So many bytes.
  budget(byte_count size) : kind_(kind::bytes), bytes_(size.count()) {}  // NOLINT(google-explicit-constructor)
  /// Parses; throws tierpager::error (`invalid_argument`) naming the text where it does not parse.
  budget(char const* text);  // NOLINT(google-explicit-constructor)
  /// The same.
  budget(std::string const& text);  // NOLINT(google-explicit-constructor)
  /// The same.
  budget(std::string_view text);  // NOLINT(google-explicit-constructor)
  /// Does not compile: 8 of what?
  template <class Number>
  requires(std::is_arithmetic_v<Number> || std::is_null_pointer_v<Number>)
      budget(Number) {  // NOLINT(google-explicit-constructor)
    static_assert(!std::same_as<Number, Number>,
                  "a budget needs a unit: write 8_GiB (using namespace tierpager::literals), \"8GiB\", \"50%\", "
                  "tierpager::percent(50), or tierpager::bytes(n) for a number of bytes that was computed");
  }
  /// Parses without throwing: `invalid_argument` where the text does not parse.
  static result<budget> parse(std::string_view text);
  /// See tierpager::percent.
  static budget of_percent(double share);

  /// How it was written; only `automatic` cannot be turned into bytes here.
  [[nodiscard]] kind what() const { return kind_; }
  /// Bytes of a `bytes` budget; percent, of `whole_bytes` and rounded down, of a `percent` one; 2^64-1 for
  /// `unlimited`; 0 for `none`. Asserts on `automatic`, which only the host can resolve.
  [[nodiscard]] std::uint64_t bytes_of(std::uint64_t whole_bytes) const;

 private:
  budget(kind what, std::uint64_t bytes, std::uint64_t percent_billionths)
      : kind_(what), bytes_(bytes), percent_billionths_(percent_billionths) {}
  kind kind_;
  std::uint64_t bytes_ = 0;
  std::uint64_t percent_billionths_ = 0;
};

/// A share of the model, as `"12.5%"` is: `percent(12.5)`. Rounded to 1e-9 of a percent; throws `invalid_argument` for what is
/// not a number above 0, and above 1.8e10.
[[nodiscard]] inline budget percent(double share) { return budget::of_percent(share); }

}  // namespace tierpager
