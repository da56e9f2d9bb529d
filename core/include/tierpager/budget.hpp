// A tier's byte budget as a user writes it. A plain value: any thread.
// Parsing is pure; `auto` is resolved on the host (host/auto_budget).
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <tierpager/error.hpp>

namespace tierpager {

/// What `unlimited` is as a number of bytes: 2^64-1.
inline constexpr std::uint64_t unlimited_bytes = ~std::uint64_t{0};

/// `4096` bytes, `512KiB` `512MiB` `6GiB` `1TiB` (1024), `6KB` `6MB` `6GB` `1TB` (1000), `40%` of the model, `auto`, `unlimited`,
/// `none` (no such tier). Up to 18 decimals are allowed before a unit or `%` ("1.5GiB") and round down to whole bytes,
/// those of `%` first to 1e-9 of a percent; upper and lower case mean the same. `%` is above 0, and may be above 100.
///
/// `100%` holds the whole model and the pager's scratch memory: it is what their places take in the tier (see
/// vram_align_bytes; in RAM whole blocks of 4 KiB), rounded up to the device's granule; a smaller share is of that.
class budget {
 public:
  /// How the budget was written.
  enum class kind : std::uint8_t { bytes, percent, automatic, unlimited, none };

  /// So many bytes; throws tierpager::error (`invalid_argument`) where negative.
  template <std::integral Integer>
  budget(Integer bytes)
      : kind_(kind::bytes), bytes_(static_cast<std::uint64_t>(bytes)) {  // NOLINT(google-explicit-constructor)
    if constexpr (std::signed_integral<Integer>)
      if (bytes < 0) refuse_negative(static_cast<std::int64_t>(bytes));
  }
  /// Parses; throws tierpager::error (`invalid_argument`) naming the text where it does not parse.
  budget(char const* text);  // NOLINT(google-explicit-constructor)
  /// The same.
  budget(std::string const& text);  // NOLINT(google-explicit-constructor)
  budget(std::nullptr_t) = delete;
  budget(bool) = delete;
  /// Parses without throwing: `invalid_argument` where the text does not parse.
  static result<budget> parse(std::string_view text);

  /// How it was written; only `automatic` cannot be turned into bytes here.
  [[nodiscard]] kind what() const { return kind_; }
  /// Bytes of a `bytes` budget; percent, of `whole_bytes` and rounded down, of a `percent` one; 2^64-1 for
  /// `unlimited`; 0 for `none`. Asserts on `automatic`, which only the host can resolve.
  [[nodiscard]] std::uint64_t bytes_of(std::uint64_t whole_bytes) const;

 private:
  budget(kind what, std::uint64_t bytes, std::uint64_t percent_billionths)
      : kind_(what), bytes_(bytes), percent_billionths_(percent_billionths) {}
  [[noreturn]] static void refuse_negative(std::int64_t bytes);
  kind kind_;
  std::uint64_t bytes_ = 0;
  std::uint64_t percent_billionths_ = 0;
};

}  // namespace tierpager
