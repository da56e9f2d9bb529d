// A number of bytes that says that it is one: `8_GiB`, or `bytes(n)` of a number that was computed. Budgets are made of
// it, so that a bare 8 is none. Plain values; any thread.
#pragma once

#include <compare>
#include <concepts>
#include <cstdint>
#include <string>
#include <type_traits>

#include <tierpager/error.hpp>

namespace tierpager {

/// So many bytes, from `bytes(n)` or a literal such as `512_MiB`. Sums and products are checked: `invalid_argument` is thrown
/// where one exceeds 2^64-1, or a factor is negative.
class byte_count {
 public:
  /// As a plain number.
  [[nodiscard]] constexpr std::uint64_t count() const { return count_; }

  /// The sum.
  friend constexpr byte_count operator+(byte_count left, byte_count right) {
    std::uint64_t sum = 0;
    if (__builtin_add_overflow(left.count_, right.count_, &sum)) refuse("a sum of more than 2^64-1 bytes");
    return byte_count(sum);
  }
  template <class Number>
  requires std::is_arithmetic_v<Number>
  friend constexpr byte_count operator*(Number times, byte_count each) {
    std::uint64_t product = 0;
    if (__builtin_mul_overflow(whole(times).count_, each.count_, &product))
      refuse("a product of more than 2^64-1 bytes");
    return byte_count(product);
  }
  template <class Number>
  requires std::is_arithmetic_v<Number>
  friend constexpr byte_count operator*(byte_count each, Number times) { return times * each; }
  friend constexpr auto operator<=>(byte_count, byte_count) = default;  // NOLINT(modernize-use-nullptr)

  /// What `bytes(n)` is.
  template <class Number>
  static constexpr byte_count whole(Number number) {
    static_assert(
        std::integral<Number> && !std::same_as<Number, bool>,
        "bytes are whole numbers: convert what was computed, bytes(static_cast<std::uint64_t>(n)), or write a "
        "share of the model, percent(30)");
    if constexpr (std::integral<Number>) {
      if constexpr (std::is_signed_v<Number>)
        if (number < 0) refuse("a negative number of bytes");
      return byte_count(static_cast<std::uint64_t>(number));
    } else {
      return byte_count(0);
    }
  }
  /// So many units, rounded to whole bytes.
  static constexpr byte_count rounded(long double number, byte_count unit) {
    long double const product = number * static_cast<long double>(unit.count_) + 0.5L;
    if (!(product >= 0 && product < 18446744073709551616.0L)) refuse("more than 2^64-1 bytes");
    return byte_count(static_cast<std::uint64_t>(product));
  }

 private:
  constexpr explicit byte_count(std::uint64_t count) : count_(count) {}
  [[noreturn]] static void refuse(char const* what) { throw error({.code = errc::invalid_argument, .what = what}); }

  std::uint64_t count_;
};

/// So many bytes. Takes whole numbers alone; throws `invalid_argument` for a negative one.
template <class Number>
[[nodiscard]] constexpr byte_count bytes(Number number) {
  return byte_count::whole(number);
}

/// `8_GiB`, `512_MiB`, `1.5_GiB`, `6_GB`: units as in a budget's text, for code with `using namespace tierpager::literals`.
/// Fractions are rounded to whole bytes. What exceeds 2^64-1 bytes does not compile.
inline namespace literals {
/// Units of 1024 bytes each.
consteval byte_count operator""_KiB(unsigned long long number) { return number * bytes(std::uint64_t{1} << 10U); }
/// Units of 1024 KiB each.
consteval byte_count operator""_MiB(unsigned long long number) { return number * bytes(std::uint64_t{1} << 20U); }
/// Units of 1024 MiB each.
consteval byte_count operator""_GiB(unsigned long long number) { return number * bytes(std::uint64_t{1} << 30U); }
/// Units of 1024 GiB each.
consteval byte_count operator""_TiB(unsigned long long number) { return number * bytes(std::uint64_t{1} << 40U); }
/// Units of 1000 bytes each.
consteval byte_count operator""_KB(unsigned long long number) { return number * bytes(1'000); }
/// Units of 1000 KB each.
consteval byte_count operator""_MB(unsigned long long number) { return number * bytes(1'000'000); }
/// Units of 1000 MB each.
consteval byte_count operator""_GB(unsigned long long number) { return number * bytes(1'000'000'000); }
/// Units of 1000 GB each.
consteval byte_count operator""_TB(unsigned long long number) { return number * bytes(1'000'000'000'000); }
/// Units of 1024 bytes each, rounded to whole bytes.
consteval byte_count operator""_KiB(long double number) {
  return byte_count::rounded(number, bytes(std::uint64_t{1} << 10U));
}
/// Units of 1024 KiB each, rounded to whole bytes.
consteval byte_count operator""_MiB(long double number) {
  return byte_count::rounded(number, bytes(std::uint64_t{1} << 20U));
}
/// Units of 1024 MiB each, rounded to whole bytes.
consteval byte_count operator""_GiB(long double number) {
  return byte_count::rounded(number, bytes(std::uint64_t{1} << 30U));
}
/// Units of 1024 GiB each, rounded to whole bytes.
consteval byte_count operator""_TiB(long double number) {
  return byte_count::rounded(number, bytes(std::uint64_t{1} << 40U));
}
/// Units of 1000 bytes each, rounded to whole bytes.
consteval byte_count operator""_KB(long double number) { return byte_count::rounded(number, bytes(1'000)); }
/// Units of 1000 KB each, rounded to whole bytes.
consteval byte_count operator""_MB(long double number) { return byte_count::rounded(number, bytes(1'000'000)); }
/// Units of 1000 MB each, rounded to whole bytes.
consteval byte_count operator""_GB(long double number) { return byte_count::rounded(number, bytes(1'000'000'000)); }
/// Units of 1000 GB each, rounded to whole bytes.
consteval byte_count operator""_TB(long double number) { return byte_count::rounded(number, bytes(1'000'000'000'000)); }
}  // namespace literals

}  // namespace tierpager
