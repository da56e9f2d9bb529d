#include <tierpager/budget.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

namespace tierpager {
namespace {

constexpr std::size_t decimals_max = 18;
constexpr std::uint64_t percent_scale = 1'000'000'000;

__extension__ using wide = unsigned __int128;

/// For errors.
constexpr char const* units_text = "units are KiB, MiB, GiB, TiB (of 1024), KB, MB, GB, TB (of 1000) and %";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view trim(std::string_view text) {
  constexpr std::string_view blanks = " \t";
  std::size_t const first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::string lower(std::string_view text) {
  std::string lowered(text);
  std::ranges::transform(lowered, lowered.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return lowered;
}

/// A decimal number: `whole` + `numerator` / `denominator`, with nothing lost.
struct number {
  std::uint64_t whole = 0;
  std::uint64_t numerator = 0;
  std::uint64_t denominator = 1;

  /// Times `factor`, rounded down; nothing where that exceeds 2^64-1.
  [[nodiscard]] std::optional<std::uint64_t> times(std::uint64_t factor) const {
    wide const product = static_cast<wide>(whole) * factor + static_cast<wide>(numerator) * factor / denominator;
    if (product > unlimited_bytes) return std::nullopt;
    return static_cast<std::uint64_t>(product);
  }
};

std::optional<std::uint64_t> parse_whole(std::string_view digits) {
  std::uint64_t value = 0;
  for (char const c : digits)
    if (__builtin_mul_overflow(value, std::uint64_t{10}, &value) ||
        __builtin_add_overflow(value, static_cast<std::uint64_t>(c - '0'), &value))
      return std::nullopt;
  return value;
}

std::optional<std::uint64_t> unit_bytes(std::string_view unit) {
  struct named {
    std::string_view name;
    std::uint64_t bytes;
  };
  static constexpr std::array<named, 9> units{{{"b", 1},
                                               {"kib", 1ULL << 10U},
                                               {"mib", 1ULL << 20U},
                                               {"gib", 1ULL << 30U},
                                               {"tib", 1ULL << 40U},
                                               {"kb", 1'000},
                                               {"mb", 1'000'000},
                                               {"gb", 1'000'000'000},
                                               {"tb", 1'000'000'000'000}}};
  auto const* const at = std::ranges::find(units, unit, &named::name);
  if (at == units.end()) return std::nullopt;
  return at->bytes;
}

/// Whether it is `K`, `M`, `G` or `T` alone, which mean powers of 1000 to some programs and of 1024 to others.
bool is_ambiguous(std::string_view unit) {
  return unit.size() == 1 && std::string_view("KMGTkmgt").find(unit.front()) != std::string_view::npos;
}

failure refuse(std::string_view text, std::string const& why) {
  return {.code = errc::invalid_argument, .what = "budget '" + std::string(text) + "': " + why};
}

failure refuse_unit(std::string_view text, std::string_view unit) {
  std::string const why =
      (is_ambiguous(unit) ? "ambiguous unit '" : "unknown unit '") + std::string(unit) + "'; " + units_text;
  return refuse(text, why);
}

}  // namespace

result<budget> budget::parse(std::string_view text) {
  std::string_view const trimmed = trim(text);
  std::string const lowered = lower(trimmed);
  std::string_view rest = lowered;
  if (rest == "auto") return budget(kind::automatic, 0, 0);
  if (rest == "unlimited") return budget(kind::unlimited, unlimited_bytes, 0);
  if (rest == "none") return budget(kind::none, 0, 0);

  auto take_digits = [&rest] {
    std::string_view const digits =
        rest.substr(0, static_cast<std::size_t>(std::ranges::find_if_not(rest, is_digit) - rest.begin()));
    rest.remove_prefix(digits.size());
    return digits;
  };
  std::string_view const whole_digits = take_digits();
  if (whole_digits.empty())
    return refuse(text,
                  std::string("not a size such as 4096, 512MiB, 6GB, 40%, auto, unlimited or none; ") + units_text);
  auto const whole = parse_whole(whole_digits);
  if (!whole) return refuse(text, "more than 2^64-1");
  number value{.whole = *whole};
  bool const decimal = rest.starts_with('.');
  if (decimal) {
    rest.remove_prefix(1);
    std::string_view const digits = take_digits();
    if (digits.empty()) return refuse(text, "no digit after the point");
    if (digits.size() > decimals_max) return refuse(text, "more than 18 decimals");
    value.numerator = *parse_whole(digits);
    for (std::size_t i = 0; i < digits.size(); ++i) value.denominator *= 10;
  }

  rest = trim(rest);
  if (decimal && (rest.empty() || rest == "b"))
    return refuse(text, std::string("bytes have no decimals; ") + units_text);
  bool const percent = rest == "%";
  auto const scale = rest.empty() ? 1 : percent ? percent_scale : unit_bytes(rest);
  if (!scale) return refuse_unit(text, trimmed.substr(trimmed.size() - rest.size()));
  auto const scaled = value.times(*scale);
  if (!scaled) return refuse(text, percent ? "too many percent" : "more than 2^64-1 bytes");
  if (!percent) return budget(kind::bytes, *scaled, 0);
  if (*scaled == 0) return refuse(text, "0 percent of a model holds nothing");
  return budget(kind::percent, 0, *scaled);
}

budget::budget(char const* text)
    : budget(text != nullptr ? std::string_view(text) : throw error(refuse("", "a null pointer"))) {}

budget::budget(std::string const& text) : budget(std::string_view(text)) {}

budget::budget(std::string_view text) : budget(value_or_throw(parse(text))) {}

budget budget::of_percent(double share) {
  double const billionths = std::round(share * static_cast<double>(percent_scale));
  if (!(billionths >= 1)) throw error(refuse(std::to_string(share) + "%", "not above 0 percent"));
  if (!(billionths < 0x1p64)) throw error(refuse(std::to_string(share) + "%", "too many percent"));
  return budget(kind::percent, 0, static_cast<std::uint64_t>(billionths));
}

std::uint64_t budget::bytes_of(std::uint64_t whole_bytes) const {
  assert(kind_ != kind::automatic);
  if (kind_ != kind::percent) return bytes_;
  wide const share = static_cast<wide>(whole_bytes) * percent_billionths_ / (wide{100} * percent_scale);
  return share > unlimited_bytes ? unlimited_bytes : static_cast<std::uint64_t>(share);
}

}  // namespace tierpager
