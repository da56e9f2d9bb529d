// A tier's byte budget as a user writes it. A plain value: any thread.
// Parsing is pure; `auto` is resolved on the host (host/auto_budget).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <tierpager/error.hpp>

namespace tierpager {

/// `4096` bytes, `512KiB` `512MiB` `6GiB` `1TiB` (1024), `6KB` `6MB` `6GB` `1TB` (1000), `40%` of the model's bytes, `auto`, `unlimited`,
/// `none` (no such tier). Decimals are allowed before a unit or `%` ("1.5GiB"); case of the unit does not matter.
class budget {
 public:
  enum class kind : std::uint8_t { bytes, percent, automatic, unlimited, none };

  budget(std::uint64_t bytes) : kind_(kind::bytes), bytes_(bytes) {}  // NOLINT(google-explicit-constructor)
  /// Parses; throws tierpager::error (`invalid_argument`) naming the text where it does not parse.
  budget(char const* text);          // NOLINT(google-explicit-constructor)
  budget(std::string const& text);   // NOLINT(google-explicit-constructor)
  static result<budget> parse(std::string_view text);

  [[nodiscard]] kind what() const { return kind_; }
  /// Bytes of a `bytes` budget; percent, of `model_bytes` and rounded down, of a `percent` one; 2^64-1 for
  /// `unlimited`; 0 for `none`. Asserts on `automatic`, which only the host can resolve.
  [[nodiscard]] std::uint64_t bytes_of(std::uint64_t model_bytes) const;

 private:
  budget(kind what, std::uint64_t bytes, double percent) : kind_(what), bytes_(bytes), percent_(percent) {}
  kind kind_;
  std::uint64_t bytes_ = 0;
  double percent_ = 0;
};

inline constexpr std::uint64_t unlimited_bytes = ~std::uint64_t{0};

}  // namespace tierpager
